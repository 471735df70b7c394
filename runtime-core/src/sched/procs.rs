//! How many Ps there are. Go: procresize, GOMAXPROCS.

use std::sync::atomic::Ordering;

use crate::g::Gp;
use crate::p::P;
use crate::queue::list::GList;
use crate::sched::world::{self, Stopped};
use crate::sched::{MAX_PROCS, SCHED, Shared, idle, ncpu};
use crate::sys_box;

/// Grows the set of Ps to `n` at boot: makes them, keeps p0 for the caller, puts the others on the idle list.
#[inline(never)]
pub(crate) fn procresize(n: u32) -> &'static P {
    make(n);
    SCHED.nprocs.store(n, Ordering::Release);
    let mut shared = SCHED.lock.lock();
    // From the last to the first, so that the lowest is taken first.
    for id in (1..n).rev() {
        idle::pidleput(&mut shared, SCHED.p(id));
    }
    let p0 = SCHED.p(0);
    debug_assert!(p0.owner.holder().is_none());
    p0
}

/// Makes the Ps below `n` that there have never been. They are never freed.
fn make(n: u32) {
    for id in SCHED.nps.load(Ordering::Relaxed)..n {
        SCHED.set_p(sys_box::leak(P::new(id)));
        SCHED.nps.store(id + 1, Ordering::Release);
    }
}

/// Go: GOMAXPROCS. From user code.
///
/// # Panics
/// If `n` is 0.
pub(crate) fn set_max_procs(n: usize) -> usize {
    assert!(n > 0, "set_max_procs(0): at least one goroutine has to run");
    let stopped = world::stop();
    ncpu::chosen();
    resize(&stopped, n.min(MAX_PROCS) as u32) as usize
}

/// Makes it so many Ps, and says how many there were.
pub(crate) fn resize(_: &Stopped, n: u32) -> u32 {
    let old = SCHED.nprocs();
    if n > old {
        grow(old, n);
    } else if n < old {
        shrink(old, n);
    }
    old
}

/// With the world stopped.
fn grow(old: u32, n: u32) {
    make(n);
    let mut shared = SCHED.lock.lock();
    for id in old..n {
        world::add(&mut shared, SCHED.p(id));
    }
    SCHED.nprocs.store(n, Ordering::Release);
    for m in SCHED.ms() {
        if !m.is_home.load(Ordering::Relaxed) {
            SCHED.adopt_home(&mut shared, m);
        }
    }
}

/// With the world stopped. What a P that goes has is everybody's; but its timers stay where they are, for their keys
/// name it, and fire all the same (`time`).
fn shrink(old: u32, n: u32) {
    let mut shared = SCHED.lock.lock();
    SCHED.dismiss_homes(&mut shared, n);
    SCHED.nprocs.store(n, Ordering::Release);
    for id in n..old {
        let p = SCHED.p(id);
        empty(&mut shared, p);
        world::remove(&mut shared, p);
    }
}

fn empty(shared: &mut Shared, p: &'static P) {
    let mut list = GList::new();
    // SAFETY: the world is stopped, so the P is ours.
    unsafe {
        while let Some(g) = p.runq.get_next().or_else(|| p.runq.get()) {
            list.push_back(Gp::from_ptr(g).expect("an empty slot in a ring"));
        }
    }
    SCHED.put_global_list(shared, list);
    p.stacks.flush();
}
