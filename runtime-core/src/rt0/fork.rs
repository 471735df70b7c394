//! A child after fork has none of the runtime's threads: what it asks of gort gets one clear line, not a hang.

use std::sync::atomic::Ordering;

use super::{FORKED, STATE};
use crate::{sys, throw, warning};

/// Has a child know that it is one.
pub(super) fn watch() {
    extern "C" fn child() {
        STATE.store(FORKED, Ordering::Relaxed);
    }
    if let Err(error) = sys::atfork_child(child) {
        warning!("fork cannot be watched: {error}; a child that calls gort will hang");
    }
}

/// Aborts in a child of fork.
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
