//! How many processors there are for us, and GOMAXPROCS that follows it at run time. Go 1.25: defaultGOMAXPROCS,
//! sysmonUpdateGOMAXPROCS.
//!
//! GOMAXPROCS follows unless the program has said what it is to be: at the entry, in the environment, or by a call. sysmon
//! looks, once a second while it is awake anyway.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use crate::sched::procs;
use crate::sched::{MAX_PROCS, SCHED, world};
use crate::{debug, sys};

/// Somebody has said how many there are to be. Changed with the world stopped, or at boot.
static CHOSEN: AtomicBool = AtomicBool::new(false);
/// The thread whose affinity counts: sysmon's, which nobody changes but who changes all; until it runs, whoever asks.
static THREAD: AtomicU32 = AtomicU32::new(0);

/// How many processors this process may use: as its affinity says and, rounded up, its cgroup.
///
/// # Errors
/// When the cgroup cannot be asked just now.
fn count() -> io::Result<u32> {
    let affinity = sys::ncpu_affinity(THREAD.load(Ordering::Relaxed));
    let limit = sys::cgroup_cpu_limit()?;
    Ok(limited(affinity.clamp(1, MAX_PROCS), limit) as u32)
}

/// How many processors there are when the runtime boots. A cgroup that cannot be asked has no limit.
pub(crate) fn at_boot() -> u32 {
    count().unwrap_or_else(|_| sys::ncpu_affinity(THREAD.load(Ordering::Relaxed)).clamp(1, MAX_PROCS) as u32)
}

/// Go 1.25: the limit rounded up, at least 2, never more than there are processors.
fn limited(affinity: usize, limit: Option<f64>) -> usize {
    match limit {
        Some(cpus) => affinity.min((cpus.ceil() as usize).max(2)),
        None => affinity,
    }
}

/// Somebody has chosen: nothing is followed. At boot, or with the world stopped.
pub(crate) fn chosen() {
    CHOSEN.store(true, Ordering::Relaxed);
}

/// It is sysmon's affinity that counts. By sysmon.
pub(crate) fn watch_here() {
    THREAD.store(sys::gettid(), Ordering::Relaxed);
}

/// Whether sysmon has to look now and then.
pub(crate) fn is_followed() -> bool {
    debug::updates_max_procs() && !CHOSEN.load(Ordering::Relaxed)
}

/// Changes GOMAXPROCS if there are more processors or fewer than before. By sysmon.
pub(crate) fn follow() {
    // Who cannot be asked, for want of a descriptor say, has not changed.
    let Ok(n) = count() else { return };
    if n == SCHED.nprocs() {
        return;
    }
    let stopped = world::stop();
    // Somebody may have chosen meanwhile.
    if is_followed() {
        procs::resize(&stopped, n);
    }
}

/// GOMAXPROCS is what there is from now on, and follows it (Go: SetDefaultGOMAXPROCS).
pub(crate) fn set_default() {
    let n = count().unwrap_or_else(|_| SCHED.nprocs());
    let stopped = world::stop();
    CHOSEN.store(false, Ordering::Relaxed);
    procs::resize(&stopped, n);
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
