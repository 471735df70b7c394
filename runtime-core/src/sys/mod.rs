//! The operating system, behind one contract. Every layer of the runtime calls it; it calls nothing
//! of gort's. It never prints (but for [`write_stderr`]), never panics on what the system answers and
//! never enters the global allocator, so that all of it may run on g0 and under runtime locks.
//!
//! # What every OS must provide
//!
//! | for | functions |
//! |---|---|
//! | time | [`nanotime`] (monotonic), [`process_cpu_time`], [`usleep`], [`sched_yield`] |
//! | sleeping on a word | [`futex_wait`], [`futex_wake`] |
//! | threads | [`gettid`], [`stack_bounds`], [`spawn_thread`], [`set_thread_name`], [`fs_base`], [`rlimit_stack`], [`thread_count`], [`threads_made`] |
//! | other threads | [`thread_cpu_nanos`], [`thread_is_asleep`] |
//! | signals | [`msigsave`], [`minit_signals`], [`handle_if_default`] |
//! | boot | [`auxv`], [`page_size`], [`ncpu_affinity`], [`cgroup_cpu_limit`], [`huge_page_size`] |
//! | memory | [`mem`]: reserve, release, guards that split no mapping and guards that do |
//! | unwinding | [`modules`] |
//! | the claim handshake | [`membarrier_register`], [`membarrier`] |
//! | the end | [`write_stderr`], [`abort`], [`exit`], [`sleep_for_ever`], [`atfork_child`] |
//!
//! Errors are raw OS errors ([`io::Error::raw_os_error`] is always there), which take no memory; what
//! was being tried is kept beside them per thread: [`context`] names it, [`brief`] prints both, and
//! [`explain`], on a stack that may allocate, makes one error of both.
//!
//! [`io::Error::raw_os_error`]: std::io::Error::raw_os_error

mod error;
#[cfg(target_os = "linux")]
mod linux;

pub use error::{brief, context, explain};
pub(crate) use error::{last_os_error, os_error};
#[cfg(target_os = "linux")]
pub use linux::*;

#[cfg(not(target_os = "linux"))]
compile_error!("gort runs on Linux only: another system needs a module beside sys/linux");
