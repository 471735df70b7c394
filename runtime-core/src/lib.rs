//! The runtime under gort: boot, G/M/P, stacks, scheduler, sysmon, timers.
//!
//! Each layer calls only those to its left:
//! `arch, sys -> stack, state, getg, note, lock -> g/m/p, queue -> timer, poller -> sched -> sysmon -> rt0`.

mod atomic;
pub mod lock;
#[cfg(not(loom))]
pub mod note;
pub mod poller;
pub mod stack;
pub mod sys;
pub mod timer;
