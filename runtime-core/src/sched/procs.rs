//! How many Ps there are. Go: procresize.

use std::ptr;
use std::sync::atomic::Ordering;

use crate::p::P;
use crate::sched::{SCHED, idle};
use crate::sys_box;

/// Grows the set of Ps to `n` at boot: makes them, keeps p0 for the caller, puts the others on the idle list.
#[inline(never)]
pub(crate) fn procresize(n: u32) -> &'static P {
    for id in SCHED.nprocs()..n {
        SCHED.set_p(sys_box::leak(P::new(id)));
    }
    SCHED.nprocs.store(n, Ordering::Release);
    let mut shared = SCHED.lock.lock();
    // From the last to the first, so that the lowest is taken first.
    for id in (1..n).rev() {
        idle::pidleput(&mut shared, SCHED.p(id));
    }
    let p0 = SCHED.p(0);
    debug_assert_eq!(p0.m.load(Ordering::Relaxed), ptr::null_mut());
    p0
}
