//! Stopping the world: holding every P, so that no G is started or resumed. Go: stopTheWorld, startTheWorld.
//!
//! User code goes on, without a P: an M in it that comes into the runtime finds its P gone (rule 3), and waits for one
//! before it runs another G. Those that have not noticed by then get theirs back as if nothing had been.

use std::sync::atomic::Ordering;

use crate::lock::{Guard, Lock, Rank};
use crate::m::M;
use crate::p::P;
use crate::sched::{SCHED, Shared, counters, enter, idle, loan, startm};

/// One at a time. Held in user code, where the holder's own P can be taken like any other.
static STOPPING: Lock<()> = Lock::new(Rank::World, ());

/// How long between two looks at the Ms that are in the runtime: each stops by itself when it would run another G.
const LOOK_NANOS: u64 = 20_000;

/// All Ps are ours while it lives. Whoever has it must not wait for another G.
#[must_use]
pub(crate) struct Stopped {
    _stopping: Guard<'static, ()>,
}

/// Waits until no M holds a P. From user code or from sysmon.
pub(crate) fn stop() -> Stopped {
    let stopping = STOPPING.lock();
    counters::WORLD_STOPS.count();
    let mut shared = SCHED.lock.lock();
    SCHED.stopping.store(true, Ordering::Relaxed);
    SCHED.detours.fetch_add(1, Ordering::Relaxed);
    if let Some(m) = M::current() {
        drop(shared);
        lend_own(m);
        shared = SCHED.lock.lock();
    }
    while !take_all(&mut shared) {
        drop(shared);
        // Cut short by an M that stops; one in user code can be seen only by looking.
        let _ = SCHED.stop_note.sleep_for(LOOK_NANOS);
        SCHED.stop_note.clear();
        shared = SCHED.lock.lock();
    }
    drop(shared);
    Stopped { _stopping: stopping }
}

/// The caller's own P, without a claim: also before claims can be made.
fn lend_own(m: &'static M) {
    let _inside = enter::enter(m);
    let mut shared = SCHED.lock.lock();
    if let Some(p) = m.p.get() {
        p.owner.clear();
        loan::taken(&mut shared, p, m);
        add(&mut shared, p);
    }
}

/// Takes all that can be taken now. True: that is all there are.
fn take_all(shared: &mut Shared) -> bool {
    while let Some(p) = idle::pidleget(shared) {
        add(shared, p);
    }
    for p in SCHED.ps() {
        let Some(m) = p.owner.holder().and_then(|id| SCHED.m(id)) else {
            continue;
        };
        let seen = m.seq.look();
        if loan::take(shared, p, m, seen) {
            add(shared, p);
        }
    }
    shared.nstopped == SCHED.nprocs()
}

/// One P more is stopped.
pub(crate) fn add(shared: &mut Shared, p: &'static P) {
    p.link.set(shared.stopped_ps.replace(p));
    shared.nstopped += 1;
}

/// `p` is not to be started again. By whoever has stopped the world.
pub(crate) fn remove(shared: &mut Shared, p: &'static P) {
    let mut all = shared.stopped_ps.take();
    shared.nstopped = 0;
    while let Some(other) = all {
        all = other.link.take();
        if other.id != p.id {
            add(shared, other);
        }
    }
    loan::forget(shared, p);
}

/// For an M on g0: gives its P to whoever stops the world, and waits for another.
#[cold]
pub(crate) fn stop_here(m: &'static M) {
    let mut shared = SCHED.lock.lock();
    if !SCHED.stopping.load(Ordering::Relaxed) {
        return;
    }
    idle::give_up_spinning(m);
    let p = idle::releasep(m);
    add(&mut shared, p);
    SCHED.stop_note.wakeup();
    idle::wait_for_p(m, shared);
}

impl Drop for Stopped {
    /// Go: startTheWorld.
    fn drop(&mut self) {
        let mut shared = SCHED.lock.lock();
        SCHED.stopping.store(false, Ordering::Relaxed);
        SCHED.detours.fetch_sub(1, Ordering::Relaxed);
        let mut stopped = shared.stopped_ps.take();
        shared.nstopped = 0;
        let mut free: Option<&'static P> = None;
        while let Some(p) = stopped {
            stopped = p.link.take();
            if !loan::give_back(&mut shared, p) {
                p.link.set(free.replace(p));
            }
        }
        drop(shared);
        while let Some(p) = free {
            free = p.link.take();
            startm::handoffp(p);
        }
    }
}
