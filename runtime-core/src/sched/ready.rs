//! Making a G runnable. Go: ready, injectglist. From any thread, with or without a P (rule 4).

use crate::atomic::{Ordering, fence};
use crate::g::{G, Gp};
use crate::life;
use crate::m::{M, Presence};
use crate::p::P;
use crate::queue::list::GList;
use crate::queue::runq::OVERFLOW;
use crate::sched::{SCHED, enter, idle, netpoll, slice, startm};

/// Queues a G that a transition of its state made runnable. `pinned`: only its home M may run it.
#[inline]
pub(crate) fn ready(g: Gp, pinned: bool) {
    let m = M::current();
    if pinned {
        let home = g.home().expect("a pinned G without a home");
        match m {
            Some(m) if m.is(home) => {
                // SAFETY: this is the home M's thread. It is awake, and looks before it sleeps.
                unsafe { home.pinned.push_own(g) };
                if home.presence() == Presence::Away {
                    idle::watch_away();
                }
            }
            _ => {
                home.pinned.push_remote(g);
                wake_home(home);
            }
        }
        return;
    }
    let _inside = m.map(enter::enter);
    match m.and_then(|m| m.p.get()) {
        // What is urgent does not wait in the ring for what is not.
        Some(p) if p.runq.has_next() && runs_urgent(m, p) => inject_urgent(g),
        Some(p) => put_next(p, g),
        None => inject_urgent(g),
    }
}

/// Whether `m`, which has `p`, runs what is urgent, beside others that may take long.
fn runs_urgent(m: Option<&M>, p: &P) -> bool {
    p.on_loan.load(Ordering::Relaxed) || m.is_some_and(M::runs_urgent) && slice::are_long(p)
}

/// The next to run on `p`; what was goes behind the others.
#[inline]
fn put_next(p: &'static P, g: Gp) {
    // SAFETY: callers hold the P.
    if let Some(kicked) = unsafe { p.runq.put_next(g.as_ptr()) } {
        put(p, kicked);
        startm::wakep();
    }
}

/// Queues a fresh G. It is not urgent, as one is that was waited for.
pub(crate) fn submit(g: Gp, pinned: bool) {
    if pinned {
        return ready(g, true);
    }
    let m = M::current();
    let _inside = m.map(enter::enter);
    match m.and_then(|m| m.p.get()) {
        // What is next there may be urgent.
        Some(p) if p.runq.has_next() && runs_urgent(m, p) => {
            put(p, g.as_ptr());
            startm::wakep();
        }
        Some(p) => put_next(p, g),
        None => inject(g),
    }
}

/// Queues a G that runs on `m` and goes on later: at the tail.
#[inline]
pub(crate) fn requeue(m: &'static M, g: Gp, pinned: bool) {
    if pinned {
        // SAFETY: a local G runs on its home M only, which is `m`.
        unsafe { m.pinned.push_own(g) };
        return;
    }
    let _inside = enter::enter(m);
    match m.p.get() {
        // It goes on before the P does.
        Some(p) if p.on_loan.load(Ordering::Relaxed) => {
            SCHED.put_urgent(&mut SCHED.lock.lock(), GList::of(g));
        }
        Some(p) => put(p, g.as_ptr()),
        // That its M has lost its P since makes it no less urgent.
        None if m.runs_urgent() => inject_urgent(g),
        None => inject(g),
    }
}

/// To the tail of `p`'s ring; half of a full ring goes to the global queue.
#[inline]
pub(crate) fn put(p: &'static P, g: *mut G) {
    // SAFETY: callers hold the P.
    unsafe { p.runq.put(g, overflow) };
}

#[cold]
fn overflow(batch: &[*mut G; OVERFLOW]) {
    SCHED.put_global_list(&mut SCHED.lock.lock(), list_of(batch));
}

/// What a ring gives when it is full, as a list.
pub(crate) fn list_of(batch: &[*mut G; OVERFLOW]) -> GList {
    let mut list = GList::new();
    for &g in batch {
        list.push_back(Gp::from_ptr(g).expect("an empty slot in a full ring"));
    }
    list
}

/// To the global queue, from a thread without a P.
pub(crate) fn inject(g: Gp) {
    // A child of fork may drop a handle or a waker: nobody runs what comes of that, and the lock may be taken for ever.
    if !life::is_over() {
        SCHED.put_global(&mut SCHED.lock.lock(), g);
        startm::wakep();
    }
}

/// The same of what is urgent.
fn inject_urgent(g: Gp) {
    if !life::is_over() {
        SCHED.put_urgent(&mut SCHED.lock.lock(), GList::of(g));
        startm::wakep();
    }
}

/// Rule 7: after a push to its queue, whatever `nmspinning` says, the home M runs or is woken.
pub(crate) fn wake_home(home: &'static M) {
    // Pairs with the fence in `idle::announce`: either we see it asleep, or it sees what we pushed.
    fence(Ordering::SeqCst);
    match home.presence() {
        Presence::Active | Presence::WantsP => {}
        Presence::Away => idle::watch_away(),
        Presence::Idle if life::is_over() => {}
        Presence::Idle => idle::wake_idle(home),
        Presence::Polling => netpoll::wake(),
    }
}
