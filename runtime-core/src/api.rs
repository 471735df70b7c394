//! The calls of the crates above that need a runtime: each boots it in library mode unless it is up.

use std::io;

use crate::g::Gp;
use crate::rt0::ensure_booted;
use crate::sched;
use crate::stack::Class;

/// Makes `g` known and runnable. Boots the runtime in library mode if need be.
///
/// # Safety
/// `g` is fresh: nobody else has seen it. Its runtime reference is given up.
///
/// # Panics
/// If the G is local and the caller is not on a goroutine's or a task's stack.
#[track_caller]
pub unsafe fn newproc(g: Gp) {
    ensure_booted();
    // SAFETY: the caller's promise.
    unsafe { sched::newproc::newproc(g) };
}

/// Makes `g` known, to be run on a blocking thread. Boots the runtime in library mode if need be.
///
/// # Safety
/// `g` is fresh: nobody else has seen it; its vtable says that it blocks, and it is not local. Its runtime reference is
/// given up.
pub unsafe fn newproc_blocking(g: Gp) {
    ensure_booted();
    // SAFETY: the caller's promise.
    unsafe { sched::blocking::submit(g) };
}

/// Reserves the stack that `g` will start on, so that it cannot fail for want of one later.
///
/// # Safety
/// `g` is fresh: nobody else has seen it.
///
/// # Errors
/// When there is no memory or address space for the stack.
pub unsafe fn reserve_stack(g: Gp, class: Class) -> io::Result<()> {
    ensure_booted();
    // SAFETY: the caller's promise.
    unsafe { sched::newproc::reserve_stack(g, class) }
}

/// GOMAXPROCS: how many goroutines and tasks run at the same time. Boots the runtime in library mode if need be.
pub fn max_procs() -> usize {
    ensure_booted();
    sched::SCHED.nprocs() as usize
}

/// Changes how many goroutines and tasks run at the same time, from now on, and returns how many it was before (Go:
/// `runtime.GOMAXPROCS`). Boots the runtime in library mode if need be.
///
/// This stops the world, for some microseconds unless a goroutine is in the middle of the runtime: none is started or
/// resumed meanwhile, but code that runs goes on. What waits in the queues of a processor that goes is everybody's.
/// More than 1024 are cut down to that. From then on the number stays as it is: see [`set_default_max_procs`].
///
/// # Panics
///
/// If `n` is 0.
///
/// # Examples
///
/// ```
/// use gort::runtime::{max_procs, set_max_procs};
///
/// let before = set_max_procs(3);
/// assert_eq!(max_procs(), 3);
/// set_max_procs(before);
/// ```
pub fn set_max_procs(n: usize) -> usize {
    ensure_booted();
    sched::procs::set_max_procs(n)
}

/// Makes it as many as there are processors for this process, whatever the environment or an earlier call has said, and
/// has that followed again (Go: `runtime.SetDefaultGOMAXPROCS`). Boots the runtime in library mode if need be.
///
/// That is so from the start if nobody says how many there are to be: neither `GOMAXPROCS`, nor the entry, nor
/// [`set_max_procs`]. How many there are is what the process's CPU affinity says, or its cgroup's CPU limit, rounded up and
/// at least 2, if that is less. Both may change while the program runs: once a second, unless all is idle, the
/// runtime looks, and has as many as there are. `GORTDEBUG=updatemaxprocs=0` switches that off.
///
/// # Examples
///
/// ```
/// use gort_runtime_core::{max_procs, set_default_max_procs, set_max_procs};
///
/// set_default_max_procs();
/// let default = max_procs();
/// set_max_procs(default + 1);
/// set_default_max_procs();
/// assert_eq!(max_procs(), default);
/// ```
pub fn set_default_max_procs() {
    ensure_booted();
    sched::ncpu::set_default();
}

/// Timers of the P that the caller runs on, or of P 0 elsewhere.
pub mod time {
    use std::task::Waker;

    pub use crate::sched::time::{TimerKey, cancel, reset, update};

    /// Has `waker` woken at `when` (nanoseconds of [`nanotime`](crate::nanotime)) or soon after, never before.
    /// Boots the runtime in library mode if need be.
    pub fn add(when: u64, waker: Waker) -> TimerKey {
        crate::rt0::ensure_booted();
        crate::sched::time::add(when, waker)
    }
}
