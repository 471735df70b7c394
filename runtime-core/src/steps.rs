//! The boot's diary: each step and when it began. Printed for `GORTDEBUG=boot=1`, and before a fatal error at boot.

use std::cell::UnsafeCell;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use crate::{debug, fatal, sys};

/// More than there are.
const MOST: usize = 48;

struct Steps(UnsafeCell<[&'static str; MOST]>, [AtomicU64; MOST]);

// SAFETY: a name is written by the booting M before `LEN` counts it, and never again.
unsafe impl Sync for Steps {}

static STEPS: Steps = Steps(UnsafeCell::new([""; MOST]), [const { AtomicU64::new(0) }; MOST]);
static LEN: AtomicUsize = AtomicUsize::new(0);
static PRINTED: AtomicUsize = AtomicUsize::new(0);

/// A step begins. Only the M that boots calls this.
pub(crate) fn step(name: &'static str) {
    let n = LEN.load(Ordering::Relaxed);
    if n == MOST {
        return;
    }
    // SAFETY: nobody reads this slot before LEN says so.
    unsafe { (*STEPS.0.get())[n] = name };
    STEPS.1[n].store(sys::nanotime(), Ordering::Relaxed);
    LEN.store(n + 1, Ordering::Release);
    flush();
}

/// Prints what has not been printed, if that is asked for. Steps before `parsedebugvars` wait for it.
pub(crate) fn flush() {
    if !debug::boot() {
        return;
    }
    let len = LEN.load(Ordering::Acquire);
    let zero = STEPS.1[0].load(Ordering::Relaxed);
    while PRINTED.load(Ordering::Relaxed) < len {
        let i = PRINTED.fetch_add(1, Ordering::Relaxed);
        if i >= len {
            return;
        }
        let micros = (STEPS.1[i].load(Ordering::Relaxed) - zero) / 1_000;
        // SAFETY: below LEN the names stand.
        fatal::print_line(format_args!("boot: {} {micros}", unsafe { (*STEPS.0.get())[i] }));
    }
}
