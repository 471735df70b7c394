//! The runtime under gort: boot, G/M/P, stacks, scheduler, sysmon, timers.
//!
//! Each layer calls only those to its left:
//! `arch, sys -> sanitize -> stack, state, getg, note, lock -> g/m/p, queue -> timer, poller -> sched -> dump -> sysmon
//! -> rt0`.
//!
//! This crate is what `gort-executor` and `gort-netpoll` are made with; a program uses `gort`.

// The loom models include the files that they check; the crates themselves are empty then.
#![cfg(not(loom))]

mod api;
pub mod arch;
mod atomic;
mod claim;
mod debug;
mod dump;
mod errno;
mod fatal;
mod fence;
mod g;
mod getg;
mod life;
pub mod lock;
mod m;
mod metrics;
pub mod note;
mod p;
pub mod poller;
mod queue;
mod rt0;
mod sanitize;
mod sched;
pub mod stack;
pub mod state;
mod steps;
pub mod sys;
mod sys_box;
mod sys_vec;
mod sysmon;
mod system_g;
mod ticks;
pub mod timer;
mod wait_reason;

pub use api::{
    max_procs, newproc, newproc_blocking, reserve_stack, set_default_max_procs, set_max_procs, time,
};
pub use debug::{default_stack, set_default_stack};
pub use dump::{dump, dump_to};
pub use fatal::throw;
pub(crate) use fatal::warning;
pub use g::{Birth, G, Gp, Labels, Ran, Vtable};
pub use life::is_forked;
pub use metrics::{RuntimeMetrics, metrics};
pub use rt0::{MainOptions, ensure_booted, main};
#[doc(hidden)]
pub use sanitize::Mutex;
pub use sched::base::{may_drop_here, reap_output, release, release_taken};
pub use sched::block::block_in_place;
pub use sched::blocking::call as call_blocking;
pub use sched::netpoll::install as install_poller;
pub use sched::park::{on_g, request_yield, wait};
pub use sched::slice::{poll_proceed, proceed};
pub use sched::threads::set_max_threads;
pub use stack::Class;
pub use sys::nanotime;
pub use wait_reason::{WaitReason, waits_for};

/// How many goroutines and tasks there are that have not ended, closures of `spawn_blocking` among them, the runtime's own
/// left out.
pub fn num_goroutines() -> usize {
    life::check_fork();
    queue::allgs::users()
}
