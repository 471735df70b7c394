//! Whether the runtime is up: one word, which `rt0` moves on and everybody else asks.

use std::sync::atomic::{AtomicU32, Ordering};

use crate::fatal::refuse;
use crate::{sys, warning};

/// Nobody has asked for the runtime.
const DOWN: u32 = 0;
/// Somebody boots it.
const BOOTING: u32 = 1;
/// It runs.
const UP: u32 = 2;
/// The main goroutine has returned: the process is about to end.
const ENDED: u32 = 3;
/// This is a child after fork: the runtime's threads are not here.
const FORKED: u32 = 4;

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

/// The main goroutine has returned: no G is started any more.
pub(crate) fn end() {
    STATE.store(ENDED, Ordering::Release);
}

/// Whether an M must not start another G.
#[inline]
pub(crate) fn is_over() -> bool {
    STATE.load(Ordering::Relaxed) >= ENDED
}

/// Has a child of fork know that it is one: it has none of the runtime's threads. Before [`begin`], so that a fork
/// while the runtime boots is seen, too; who comes second registers it again, which changes nothing.
pub(crate) fn watch_fork() {
    extern "C" fn child() {
        if STATE.load(Ordering::Relaxed) != DOWN {
            STATE.store(FORKED, Ordering::Relaxed);
        }
    }
    if STATE.load(Ordering::Relaxed) != DOWN {
        return;
    }
    // SAFETY: the handler only loads and stores an atomic.
    if let Err(error) = unsafe { sys::atfork_child(child) } {
        warning!(
            "fork cannot be watched: {}; a child that calls gort will hang",
            sys::brief(&error)
        );
    }
}

/// Whether this is a child of fork. What it drops is the parent's, too: it leaves alone what others see, and takes no lock,
/// which may be taken for ever.
#[inline]
pub fn is_forked() -> bool {
    STATE.load(Ordering::Relaxed) == FORKED
}

/// Aborts in a child of fork, with one clear line instead of a hang.
#[inline]
pub(crate) fn check_fork() {
    if is_forked() {
        forked();
    }
}

#[cold]
fn forked() -> ! {
    refuse(format_args!(
        "gort was called in a child process after fork; exec first, or fork before the runtime is up"
    ))
}
