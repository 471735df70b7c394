//! What an M runs next. Go: findRunnable, as a short list of calls.

use std::sync::atomic::Ordering;

use crate::g::Gp;
use crate::m::M;
use crate::p::P;
use crate::queue::runq::RING;
use crate::sched::steal::{self, Stolen};
use crate::sched::{SCHED, counters, idle, loan, netpoll, ready, slice, startm, time, world};

/// Go: schedule's fairness to the global queue.
const GLOBAL_EVERY: u64 = 61;

/// A G that was taken out of a queue.
pub(crate) struct Next {
    pub(crate) g: Gp,
    /// Placement has had its say: an unstarted goroutine starts here.
    pub(crate) placed: bool,
}

/// Blocks until there is something to run on `m`. The M has a P afterwards.
#[inline]
pub(crate) fn find_runnable(m: &'static M) -> Next {
    if let Some(p) = m.p.get() {
        time::check_own(p);
        if SCHED.detours.load(Ordering::Relaxed) == 0
            && let Some(next) = local(m, p)
        {
            return next;
        }
    }
    search(m)
}

/// Where work may be that is not at hand, in Go's order; apart, so that the common case has a small frame.
#[cold]
#[inline(never)]
fn search(m: &'static M) -> Next {
    loop {
        let Some(p) = m.p.get() else {
            // It lost its P in user code.
            idle::get_p(m);
            continue;
        };
        if SCHED.stopping.load(Ordering::Relaxed) {
            world::stop_here(m);
            continue;
        }
        if p.on_loan.load(Ordering::Relaxed) {
            if let Some(next) = loan::next(m, p) {
                counters::add(&p.runs, 1);
                return next;
            }
            continue;
        }
        time::check_own(p);
        if SCHED.nwants_p.load(Ordering::Relaxed) != 0 && idle::quantum_is_over(m) {
            // With another P afterwards, or the same one later.
            idle::give_way(m);
            continue;
        }
        if let Some(g) = urgent(m, p) {
            return Next { g, placed: false };
        }
        if let Some(next) = local(m, p) {
            return next;
        }
        if let Some(g) = global(m, p) {
            counters::add(&p.runs, 1);
            return Next { g, placed: false };
        }
        if netpoll::poll_now() {
            continue;
        }
        match steal::steal_work(m, p) {
            Stolen::G(g) => {
                counters::add(&p.runs, 1);
                counters::add(&p.steals, 1);
                // The others are in the ring, which was empty, unless somebody has stolen them in turn.
                counters::add(&p.stolen, 1 + p.runq.len() as u64);
                return Next { g, placed: false };
            }
            Stolen::Timers => continue,
            Stolen::Nothing => {}
        }
        counters::add(&p.parks, 1);
        idle::wait_for_work(m);
    }
}

/// What the network and the timers made runnable while nobody came to it soon: it takes turns with what is at hand.
fn urgent(m: &'static M, p: &'static P) -> Option<Gp> {
    let runs = p.runs.load(Ordering::Relaxed);
    if SCHED.urgent_len.load(Ordering::Relaxed) == 0 || p.urgent_at.replace(runs) == runs {
        return None;
    }
    slice::begin(p);
    SCHED.get_urgent(&mut SCHED.lock.lock(), m)
}

/// What nobody has to be asked for.
#[inline]
fn local(m: &'static M, p: &'static P) -> Option<Next> {
    let next = next_local(m, p);
    if next.is_some() {
        counters::add(&p.runs, 1);
    }
    next
}

#[inline]
fn next_local(m: &'static M, p: &'static P) -> Option<Next> {
    if p.runs.load(Ordering::Relaxed).is_multiple_of(GLOBAL_EVERY)
        && let Some(next) = now_and_then(m, p)
    {
        return Some(next);
    }
    // The P's queue and the M's own take turns.
    let turn = m.turn.get();
    m.turn.set(!turn);
    if turn {
        own(m, p).or_else(|| runq(p))
    } else {
        runq(p).or_else(|| own(m, p))
    }
}

/// Every 61st time: what constant local work must not starve.
#[cold]
#[inline(never)]
fn now_and_then(m: &'static M, p: &'static P) -> Option<Next> {
    netpoll::poll_if_stale();
    // Nobody may have been woken for what stood in `runnext` or has yielded, and to sysmon a P that runs many short Gs
    // looks like one that needs no help.
    if SCHED.npidle.load(Ordering::Relaxed) != 0 && p.runq.has_several() {
        startm::wakep();
    }
    if let Some(g) = started_elsewhere(m) {
        return Some(Next { g, placed: true });
    }
    if SCHED.global_len.load(Ordering::Relaxed) == 0 {
        return None;
    }
    let g = SCHED.get_global(&mut SCHED.lock.lock(), m)?;
    Some(Next { g, placed: false })
}

/// What only this M runs.
pub(crate) fn own(m: &'static M, p: &'static P) -> Option<Next> {
    // SAFETY: this is the M's thread.
    let pinned = unsafe { m.pinned.pop() };
    let g = pinned.or_else(|| started_elsewhere(m))?;
    slice::begin(p);
    Some(Next { g, placed: true })
}

/// A goroutine that placement gave to this M.
#[inline]
fn started_elsewhere(m: &'static M) -> Option<Gp> {
    if m.nstarts.load(Ordering::Acquire) == 0 {
        return None;
    }
    let mut starts = m.starts.lock();
    let g = starts.pop_front();
    m.nstarts.store(starts.len() as u32, Ordering::Release);
    g
}

#[inline]
fn runq(p: &'static P) -> Option<Next> {
    // SAFETY: the caller's M holds the P.
    if let Some(next) = unsafe { p.runq.get_next() } {
        if !p.preempt.load(Ordering::Relaxed) {
            return Gp::from_ptr(next).map(|g| Next { g, placed: false });
        }
        // The slice that it would inherit is over: behind the others.
        ready::put(p, next);
    }
    slice::begin(p);
    // SAFETY: as above.
    let g = unsafe { p.runq.get() }?;
    Gp::from_ptr(g).map(|g| Next { g, placed: false })
}

/// Go: globrunqget: a fair share, the first to run and the rest into the ring. Nothing urgent goes there: the first may
/// run for long.
fn global(m: &'static M, p: &'static P) -> Option<Gp> {
    if SCHED.global_len.load(Ordering::Relaxed) == 0 {
        return None;
    }
    let mut shared = SCHED.lock.lock();
    let len = SCHED.global_len.load(Ordering::Relaxed);
    let share = (len / SCHED.nprocs() as usize + 1).min(len).min(RING / 2);
    let first = SCHED.get_global(&mut shared, m)?;
    for _ in 1..share {
        let Some(g) = SCHED.get_patient(&mut shared) else {
            break;
        };
        // SAFETY: the caller's M holds the P, whose ring is empty: no overflow, which would take the lock we hold.
        unsafe {
            p.runq
                .put(g.as_ptr(), |_| unreachable!("an empty ring overflows"))
        };
    }
    Some(first)
}
