//! Linux's side of the contract in `sys/mod.rs`; only `sys` names this module. One file per noun.
//! Nothing here may enter the global allocator, print, or panic on what the kernel answers.

mod auxv;
mod cgroup;
mod clock;
mod cpu;
mod file;
mod futex;
pub mod mem;
mod membarrier;
mod modules;
mod process;
mod signal;
mod thread;
mod watch;

pub use auxv::{Auxv, auxv, page_size};
pub use cgroup::cgroup_cpu_limit;
pub use clock::{nanotime, process_cpu_time, sched_yield, usleep};
pub use cpu::{huge_page_size, ncpu_affinity};
pub use futex::{futex_wait, futex_wake};
pub use membarrier::{membarrier, membarrier_register};
pub use modules::{Module, modules};
pub use process::{abort, atfork_child, exit, sleep_for_ever, write_stderr};
pub use signal::{SigSet, SignalStack, handle_if_default, minit_signals, msigsave};
pub use thread::{
    StackBounds, fs_base, gettid, rlimit_stack, set_thread_name, spawn_thread, stack_bounds, thread_count,
    threads_made,
};
pub use watch::{thread_cpu_nanos, thread_is_asleep};
