//! The boot's diary: `GORTDEBUG=boot=1` prints each step as it begins, with the microseconds since the first.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::{debug, fatal, sys};

/// When the first step began.
static START: AtomicU64 = AtomicU64::new(0);

/// A step begins.
pub(crate) fn step(name: &'static str) {
    if !debug::boot() {
        return;
    }
    let now = sys::nanotime();
    let start = START
        .compare_exchange(0, now, Ordering::Relaxed, Ordering::Relaxed)
        .map_or_else(|start| start, |_| now);
    fatal::print_line(format_args!("boot: {name} {}", (now - start) / 1_000));
}
