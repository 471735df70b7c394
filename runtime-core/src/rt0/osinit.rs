//! How many processors there are for us. Go: osinit.

use std::sync::atomic::{AtomicU32, Ordering};

use crate::sched::ncpu;
use crate::steps::step;

static NCPU: AtomicU32 = AtomicU32::new(1);

#[inline(never)]
pub(crate) fn osinit() {
    step("osinit");
    NCPU.store(ncpu::at_boot(), Ordering::Relaxed);
}

/// The default of GOMAXPROCS.
pub(crate) fn ncpu() -> u32 {
    NCPU.load(Ordering::Relaxed)
}
