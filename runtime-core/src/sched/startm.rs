//! Finding an M for a P. Go: startm, wakep, handoffp.
//!
//! How Ms come to rest is `idle`'s. The protocol, its proof sketch and its rejected designs: `README.md`.

use std::io;

use crate::atomic::{Ordering, fence};
use crate::lock::Guard;
use crate::p::P;
use crate::sched::idle::{grant, pidleget_for_work, pidleput, serve};
use crate::sched::{SCHED, Shared, loan, netpoll, newm, stacks};
use crate::{life, sys, warning};

/// After no M could be made, for so long nobody tries again.
const NEWM_RETRY_NANOS: u64 = 10_000_000;

/// The sched lock, taken.
pub(crate) type Locked = Guard<'static, Shared>;

/// Whether there is something that any M could run.
pub(super) fn work_anywhere() -> bool {
    SCHED.global_len.load(Ordering::SeqCst) != 0 || SCHED.ps().any(|p| !p.runq.is_empty())
}

/// Something was queued that another M could run: wakes one, unless one looks already (Go: wakep).
#[inline]
pub(crate) fn wakep() {
    // Submit, full fence, check (rule 7). Pairs with the fence in `wait_for_work`.
    fence(Ordering::SeqCst);
    if SCHED.npidle.load(Ordering::Relaxed) != 0 && SCHED.nmspinning.load(Ordering::Relaxed) == 0 {
        wakep_slow();
    }
}

#[cold]
fn wakep_slow() {
    // A child of fork makes no Ms.
    if life::is_over() {
        return;
    }
    if SCHED
        .nmspinning
        .compare_exchange(0, 1, Ordering::SeqCst, Ordering::Relaxed)
        .is_err()
    {
        return;
    }
    let mut shared = SCHED.lock.lock();
    match pidleget_for_work(&mut shared) {
        Some(p) => startm(shared, p, true),
        None => {
            drop(shared);
            SCHED.nmspinning.fetch_sub(1, Ordering::SeqCst);
        }
    }
}

/// Has some M run `p`: one that waits for a P, an idle one, a new one (Go: startm). `spinning`: the caller has counted it.
pub(crate) fn startm(shared: Locked, p: &'static P, spinning: bool) {
    let Some(shared) = startm_asleep(shared, p, spinning) else {
        return;
    };
    if shared.no_newm_until > sys::nanotime() {
        return without_newm(shared, p, spinning);
    }
    drop(shared);
    match newm::newm(p, spinning) {
        Ok(()) => {
            let mut shared = SCHED.lock.lock();
            loan::keep(&mut shared, p);
            shared.no_newm_until = 0;
            SCHED.m_shortage.store(false, Ordering::Relaxed);
        }
        Err(error) => no_newm(p, spinning, &error),
    }
}

/// The part of [`startm`] that needs no new M. Gives the lock back if it does.
fn startm_asleep(mut shared: Locked, p: &'static P, spinning: bool) -> Option<Locked> {
    if let Some(m) = serve(&mut shared, p) {
        drop(shared);
        if spinning {
            SCHED.nmspinning.fetch_sub(1, Ordering::SeqCst);
        }
        m.note.wakeup();
        return None;
    }
    let Some(m) = shared.idle_ms.pop_front() else {
        return Some(shared);
    };
    loan::keep(&mut shared, p);
    m.spinning.set(spinning);
    grant(m, p);
    drop(shared);
    m.note.wakeup();
    None
}

/// No M could be made for `p`: those there are go on, and for a while nobody tries again.
#[cold]
fn no_newm(p: &'static P, spinning: bool, error: &io::Error) {
    warn_no_m(error);
    let mut shared = SCHED.lock.lock();
    shared.no_newm_until = sys::nanotime() + NEWM_RETRY_NANOS;
    SCHED.m_shortage.store(true, Ordering::Relaxed);
    // One may have come to rest meanwhile.
    if let Some(shared) = startm_asleep(shared, p, spinning) {
        without_newm(shared, p, spinning);
    }
}

/// Leaves `p` idle because no M is to be had, or where it was taken. The M in the poller stands on no list: it is woken
/// for the P.
#[cold]
fn without_newm(mut shared: Locked, p: &'static P, spinning: bool) {
    let stays = loan::give_back(&mut shared, p);
    if !stays {
        pidleput(&mut shared, p);
    }
    drop(shared);
    if spinning {
        SCHED.nmspinning.fetch_sub(1, Ordering::SeqCst);
    }
    if stays {
        return;
    }
    // Pairs with the fence in `announce`: we see it there, or it sees what there is to do.
    fence(Ordering::SeqCst);
    if SCHED.lastpoll.load(Ordering::Relaxed) == 0 {
        netpoll::wake();
    }
}

/// Says once that no thread can be made.
#[cold]
pub(crate) fn warn_no_m(error: &io::Error) {
    let warned = std::mem::replace(&mut SCHED.lock.lock().warned_no_m, true);
    if !warned {
        warning!(
            "no further thread can be had: {}; going on with those there are",
            sys::brief(error)
        );
    }
}

/// Whether an M for a P can be had, as far as one knows. Under the lock.
pub(crate) fn can_startm(shared: &Shared, now: u64) -> bool {
    shared.no_newm_until <= now || !shared.idle_ms.is_empty() || !shared.wants_p.is_empty()
}

/// Whether an M that is about to sleep has to stay: there is work, and nobody could be made to do it.
pub(crate) fn is_needed() -> bool {
    SCHED.m_shortage.load(Ordering::Relaxed) && SCHED.npidle.load(Ordering::SeqCst) != 0 && work_anywhere()
}

/// Passes on a P that its M gives up because it blocks (Go: handoffp).
pub(crate) fn handoffp(p: &'static P) {
    let mut shared = SCHED.lock.lock();
    stacks::share(&mut shared, p);
    if p.on_loan.load(Ordering::Relaxed) {
        // What its M would have run next was woken by what is urgent.
        if loan::is_urgent() || p.runq.has_next() {
            return startm(shared, p, false);
        }
        if loan::give_back(&mut shared, p) {
            return;
        }
    }
    let wanted = SCHED.nwants_p.load(Ordering::Relaxed) != 0 || SCHED.need_spinning.load(Ordering::Relaxed);
    if wanted || !p.runq.is_empty() || SCHED.global_len.load(Ordering::Relaxed) != 0 {
        return startm(shared, p, false);
    }
    let npidle = SCHED.npidle.load(Ordering::Relaxed);
    if npidle == 0
        && SCHED
            .nmspinning
            .compare_exchange(0, 1, Ordering::SeqCst, Ordering::Relaxed)
            .is_ok()
    {
        return startm(shared, p, true);
    }
    // The last running P, and nobody is in the poller.
    if npidle == SCHED.nprocs() - 1 && SCHED.lastpoll.load(Ordering::Relaxed) != 0 {
        return startm(shared, p, false);
    }
    let when = p.timers.next_when();
    pidleput(&mut shared, p);
    drop(shared);
    netpoll::wake_before(when);
    // As in `wait_for_work`: whoever submitted while no P was idle woke nobody.
    fence(Ordering::SeqCst);
    if work_anywhere() {
        wakep();
    }
}
