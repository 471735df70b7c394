//! Whether the runtime is up: one word, which `rt0` moves on and everybody else asks.

use std::sync::atomic::{AtomicU32, Ordering};

use crate::{sys, throw, warning};

/// Nobody has asked for the runtime.
const DOWN: u32 = 0;
/// Somebody boots it.
const BOOTING: u32 = 1;
/// It runs.
const UP: u32 = 2;
/// This is a child after fork: the runtime's threads are not here.
const FORKED: u32 = 3;

/// Whoever waits for a boot in library mode sleeps on it.
static STATE: AtomicU32 = AtomicU32::new(DOWN);

/// Whether it runs.
#[inline]
pub(crate) fn is_up() -> bool {
    STATE.load(Ordering::Acquire) == UP
}

/// Takes it upon the caller to boot. False: somebody else has.
#[must_use]
pub(crate) fn begin() -> bool {
    STATE
        .compare_exchange(DOWN, BOOTING, Ordering::AcqRel, Ordering::Acquire)
        .is_ok()
}

/// The main goroutine runs: from here on everybody may come in (Go: mainStarted).
pub(crate) fn up() {
    STATE.store(UP, Ordering::Release);
    sys::futex_wake(&STATE, u32::MAX);
}

/// Waits while somebody else boots.
pub(crate) fn wait_until_up() {
    while STATE.load(Ordering::Acquire) == BOOTING {
        sys::futex_wait(&STATE, BOOTING, None);
    }
}

/// Has a child of fork know that it is one: it has none of the runtime's threads.
pub(crate) fn watch_fork() {
    extern "C" fn child() {
        STATE.store(FORKED, Ordering::Relaxed);
    }
    if let Err(error) = sys::atfork_child(child) {
        warning!("fork cannot be watched: {error}; a child that calls gort will hang");
    }
}

/// Aborts in a child of fork, with one clear line instead of a hang.
#[inline]
pub(crate) fn check_fork() {
    if STATE.load(Ordering::Relaxed) == FORKED {
        forked();
    }
}

#[cold]
fn forked() -> ! {
    throw(format_args!(
        "gort was called in a child process after fork; exec first, or fork before the runtime is up"
    ))
}
