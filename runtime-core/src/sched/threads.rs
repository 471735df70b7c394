//! How many threads there may be: Ms and blocking threads together. Go: debug.SetMaxThreads, checkmcount.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::fatal::print_line;
use crate::sched::{MAX_MS, SCHED, Shared};
use crate::{life, sys, throw};

/// Go: schedinit's maxmcount.
const DEFAULT_LIMIT: usize = 10_000;

/// Changed under the sched lock.
static LIMIT: AtomicUsize = AtomicUsize::new(DEFAULT_LIMIT);
/// Blocking threads: changed under the sched lock.
static BLOCKING: AtomicUsize = AtomicUsize::new(0);

/// How many threads of the runtime there are, those that end and those that begin included, sysmon left out.
pub(crate) fn count() -> usize {
    SCHED.nm.load(Ordering::Relaxed) as usize + BLOCKING.load(Ordering::Relaxed)
}

/// Those of them that are blocking threads.
pub(crate) fn blocking() -> usize {
    BLOCKING.load(Ordering::Relaxed)
}

/// Whether there must not be another one. Under the sched lock.
pub(crate) fn is_full(_: &Shared) -> bool {
    count() >= LIMIT.load(Ordering::Relaxed)
}

/// Counts a blocking thread that is about to be made. False: there are too many already.
#[must_use]
pub(crate) fn reserve() -> bool {
    let shared = SCHED.lock.lock();
    if is_full(&shared) {
        return false;
    }
    BLOCKING.fetch_add(1, Ordering::Relaxed);
    true
}

/// A blocking thread ends, or was not made.
pub(crate) fn release() {
    let _shared = SCHED.lock.lock();
    BLOCKING.fetch_sub(1, Ordering::Relaxed);
}

/// The process has too many threads, and needs another. Under no lock. Whoever comes second waits for the end.
#[cold]
pub(crate) fn exhausted() -> ! {
    static DYING: AtomicBool = AtomicBool::new(false);
    if DYING.swap(true, Ordering::Relaxed) {
        sys::sleep_for_ever();
    }
    print_line(format_args!(
        "runtime: program exceeds {}-thread limit",
        LIMIT.load(Ordering::Relaxed)
    ));
    throw(format_args!("thread exhaustion"))
}

/// Sets how many threads the runtime may have, and returns what it was: 10,000 at first. A program that needs more dies
/// of a fatal error, before it takes the machine down with it; so it does at once if it has more already.
///
/// It is threads that are counted, not goroutines. The runtime makes one when something is ready to run while the
/// threads that it has are blocked, and for `gort::blocking` and `spawn_blocking`. Threads that gort did not make, and
/// the one that watches over the others, do not count. There are never more than 65,536.
///
/// # Examples
///
/// ```
/// use gort_runtime_core::set_max_threads;
///
/// assert_eq!(set_max_threads(500), 10_000);
/// assert_eq!(set_max_threads(10_000), 500);
/// ```
pub fn set_max_threads(threads: usize) -> usize {
    life::check_fork();
    let shared = SCHED.lock.lock();
    let before = LIMIT.swap(threads.min(MAX_MS), Ordering::Relaxed);
    let too_many = count() > threads;
    drop(shared);
    if too_many {
        exhausted();
    }
    before
}
