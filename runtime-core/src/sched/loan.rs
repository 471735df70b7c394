//! Taking a P from an M in user code, and giving it back. Go: retake; the giving back is ours.
//!
//! An M that burns CPU keeps its P for a slice that grows with the number of those that burn without one, or a wave of
//! CPU jobs would become a thread each. What is urgent meanwhile (Ms that wait for a P to run their own Gs; what the
//! network or a timer has made runnable) is served by another M, on a P that is *on loan*: it does that and nothing
//! else, and then the M that burns has its P again, without having noticed.
//!
//! A taken P knows its *lender* until that M notices, the P is granted for good, or it is idle. All of this happens
//! under the sched lock, so an M that comes into the runtime either has its P or can be sure that it has lost it.

use std::sync::atomic::Ordering;

use crate::fence;
use crate::g::Gp;
use crate::m::{Burns, M, Presence};
use crate::p::P;
use crate::queue::list::GList;
use crate::sched::find_runnable::{self, Next};
use crate::sched::{SCHED, Shared, block, idle, ready, slice, time};

/// Takes `p` from `m` if that is in user code, as it was when `M.seq` was `seen`. The P is the caller's then.
#[must_use]
pub(crate) fn take(shared: &mut Shared, p: &'static P, m: &'static M, seen: u32) -> bool {
    if !p.owner.claim(m.id, &m.seq, seen, fence::heavy) {
        return false;
    }
    taken(shared, p, m);
    true
}

/// `p` is `m`'s no more, which does not know.
pub(crate) fn taken(shared: &mut Shared, p: &'static P, m: &'static M) {
    end(p);
    p.lender.set(Some(m));
    p.taken.fetch_add(1, Ordering::Relaxed);
    m.set_presence(Presence::Away);
    block::give_starts_back(shared, m);
}

/// `m`, which lost its P, counts among those that burn until it comes back or blocks (see `sysmon`'s slices).
pub(crate) fn burns(_shared: &mut Shared, m: &'static M) {
    set_burns(m, Burns::Yes);
}

/// `m` has a P again, or waits for one. Under the lock.
pub(crate) fn came_back(m: &'static M) {
    set_burns(m, Burns::No);
}

/// `m`, if it has not come back, blocks since, or goes on.
pub(crate) fn burner_sleeps(_shared: &mut Shared, m: &'static M, sleeps: bool) {
    if m.burns() != Burns::No {
        set_burns(m, if sleeps { Burns::Asleep } else { Burns::Yes });
    }
}

fn set_burns(m: &'static M, burns: Burns) {
    match (m.set_burns(burns) == Burns::Yes, burns == Burns::Yes) {
        (false, true) => SCHED.nburning.fetch_add(1, Ordering::Relaxed),
        (true, false) => SCHED.nburning.fetch_sub(1, Ordering::Relaxed),
        _ => return,
    };
}

/// From here on whoever holds `p`, which the caller has, does only what is urgent.
pub(crate) fn begin(shared: &mut Shared, p: &'static P) {
    // What the lender made next is not. What the urgent ones wake is, and that will be in `runnext`.
    // SAFETY: the caller has the P.
    unsafe {
        if let Some(next) = p.runq.get_next() {
            p.runq
                .put(next, |batch| SCHED.put_global_list(shared, ready::list_of(batch)));
        }
    }
    p.on_loan.store(true, Ordering::Relaxed);
    SCHED.detours.fetch_add(1, Ordering::Relaxed);
}

/// `p` is a P like any other again. Under the lock.
fn end(p: &'static P) {
    if p.on_loan.load(Ordering::Relaxed) {
        p.on_loan.store(false, Ordering::Relaxed);
        SCHED.detours.fetch_sub(1, Ordering::Relaxed);
    }
}

/// `m` knows that it has lost `p`, or is not to have it back: a loan becomes a P like any other.
pub(crate) fn noticed(shared: &mut Shared, m: &M, p: &'static P) {
    if p.lender.get().is_some_and(|lender| lender.is(m)) {
        forget(shared, p);
    }
}

/// `p` goes to somebody who keeps it, or is idle. Not one that is on loan.
pub(crate) fn keep(shared: &mut Shared, p: &'static P) {
    if !p.on_loan.load(Ordering::Relaxed) {
        forget(shared, p);
    }
}

/// The M that has `p` back when the loan is over, if `p` is on loan.
pub(crate) fn lender(_shared: &Shared, p: &'static P) -> Option<&'static M> {
    p.lender.get().filter(|_| p.on_loan.load(Ordering::Relaxed))
}

/// Nobody has `p` back, though it was lent.
pub(crate) fn forget(_shared: &mut Shared, p: &'static P) {
    end(p);
    p.lender.set(None);
}

/// Gives `p`, which nobody holds, back to the M that it was taken from. False: that has noticed.
#[must_use]
pub(crate) fn give_back(_shared: &mut Shared, p: &'static P) -> bool {
    end(p);
    let Some(lender) = p.lender.take() else {
        return false;
    };
    came_back(lender);
    lender.set_presence(Presence::Active);
    p.owner.set(lender.id);
    true
}

/// Whether there is something that a P is lent for.
pub(crate) fn is_urgent() -> bool {
    SCHED.nwants_p.load(Ordering::Relaxed) != 0 || SCHED.urgent_len.load(Ordering::Relaxed) != 0
}

/// What an M runs next on a P that is on loan. None: it has given it away, slept, and has another.
pub(crate) fn next(m: &'static M, p: &'static P) -> Option<Next> {
    time::check(p);
    if SCHED.nwants_p.load(Ordering::Relaxed) != 0 && idle::quantum_is_over(m) {
        // The loan goes with it.
        idle::give_way(m);
        return None;
    }
    // SAFETY: `m` holds the P.
    if let Some(g) = unsafe { p.runq.get_next() }.and_then(Gp::from_ptr) {
        if !p.preempt.load(Ordering::Relaxed) {
            m.runs_urgent_next();
            return Some(Next { g, placed: false });
        }
        // The slice that it would inherit is over: behind the others.
        SCHED.put_urgent(&mut SCHED.lock.lock(), GList::of(g));
    }
    // The M's own and what is urgent take turns.
    let turn = m.turn.get();
    m.turn.set(!turn);
    let next = if turn {
        find_runnable::own(m, p).or_else(|| urgent(m, p))
    } else {
        urgent(m, p).or_else(|| find_runnable::own(m, p))
    };
    if next.is_none() {
        idle::end_loan(m);
    }
    next
}

fn urgent(m: &'static M, p: &'static P) -> Option<Next> {
    if SCHED.urgent_len.load(Ordering::Relaxed) == 0 {
        return None;
    }
    let g = SCHED.get_urgent(&mut SCHED.lock.lock(), m)?;
    slice::begin(p);
    Some(Next { g, placed: false })
}
