//! How many processors there are for us. Go: osinit, and 1.25's defaultGOMAXPROCS for the cgroup's limit.

use std::sync::atomic::{AtomicU32, Ordering};

use crate::sched::MAX_PROCS;
use crate::steps::step;
use crate::sys;

static NCPU: AtomicU32 = AtomicU32::new(1);

#[inline(never)]
pub(crate) fn osinit() {
    step("osinit");
    let affinity = sys::ncpu_affinity().clamp(1, MAX_PROCS);
    NCPU.store(
        limited(affinity, sys::cgroup_cpu_limit()) as u32,
        Ordering::Relaxed,
    );
}

/// Go 1.25: the limit rounded up, at least 2, never more than there are processors.
fn limited(affinity: usize, limit: Option<f64>) -> usize {
    match limit {
        Some(cpus) => affinity.min((cpus.ceil() as usize).max(2)),
        None => affinity,
    }
}

/// The default of GOMAXPROCS.
pub(crate) fn ncpu() -> u32 {
    NCPU.load(Ordering::Relaxed)
}

#[cfg(test)]
mod tests {
    use super::limited;

    #[test]
    fn the_limit_is_rounded_up_to_at_least_two() {
        assert_eq!(limited(8, None), 8);
        assert_eq!(limited(8, Some(2.5)), 3);
        assert_eq!(limited(8, Some(0.5)), 2);
        assert_eq!(limited(1, Some(0.5)), 1);
        assert_eq!(limited(4, Some(16.0)), 4);
    }
}
