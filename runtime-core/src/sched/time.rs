//! Timers, as the layers above see them: per P, any thread's (rule 4). Go: time.go.

use std::task::Waker;

use crate::arch;
use crate::m::M;
use crate::p::P;
use crate::sched::{SCHED, enter, netpoll};
use crate::timer::Key;
use crate::{life, sys, ticks};

/// However far the deadline, the clock is asked once in this time.
const MAX_SKIP_NANOS: u64 = 10_000_000;

/// Names a timer that was added. A key of one that has fired is harmless.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimerKey {
    p: u32,
    key: Key,
}

/// Has `waker` woken at `when` (nanoseconds of [`nanotime`](crate::nanotime)) or soon after, never before.
pub(crate) fn add(when: u64, waker: Waker) -> TimerKey {
    let m = M::current();
    let _inside = m.map(enter::enter);
    let own = m.and_then(|m| m.p.get());
    let p = own.unwrap_or_else(|| SCHED.p(0));
    let (key, earliest) = p.timers.add(when, waker);
    // A P that is ours: its M looks before it sleeps.
    if earliest && own.is_none() {
        netpoll::timer_added(when);
    }
    TimerKey { p: p.id, key }
}

/// Has another waker woken instead. False: the timer has fired.
pub fn update(key: TimerKey, waker: &Waker) -> bool {
    life::check_fork();
    SCHED
        .p_or_none(key.p)
        .is_some_and(|p| p.timers.update(key.key, waker))
}

/// Has the timer fire at `when` instead, under another key. None: it has fired.
pub fn reset(key: TimerKey, when: u64) -> Option<TimerKey> {
    life::check_fork();
    let waker = SCHED.p_or_none(key.p)?.timers.cancel(key.key)?;
    Some(add(when, waker))
}

/// Takes the timer back if it has not fired.
pub fn cancel(key: TimerKey) {
    if life::is_forked() {
        return;
    }
    drop(SCHED.p_or_none(key.p).and_then(|p| p.timers.cancel(key.key)));
}

/// Runs what is due on the caller's own P (Go: checkTimers). Cheap while the next deadline lies ahead: the clock is
/// asked only when the ticks say that it is near.
#[inline]
pub(crate) fn check_own(p: &'static P) {
    let when = p.timers.next_when();
    if when == u64::MAX {
        return;
    }
    let (ahead, ticks) = p.timer_ahead.get();
    if when != ahead || arch::cputicks() >= ticks {
        check_clock(p, when);
    }
}

#[cold]
fn check_clock(p: &'static P, when: u64) {
    /// Ticks are known to a percent or so.
    const MARGIN: u64 = 32;
    let left = when.saturating_sub(sys::nanotime());
    if left == 0 {
        p.timer_ahead.set((u64::MAX, 0));
        check(p);
    } else if ticks::are_steady() {
        let skip = left.min(MAX_SKIP_NANOS);
        let ticks = ticks::for_nanos(skip - skip / MARGIN);
        p.timer_ahead.set((when, arch::cputicks() + ticks));
    }
}

/// Runs what is due on any P. True: something was.
pub(crate) fn check(p: &'static P) -> bool {
    let when = p.timers.next_when();
    if when == u64::MAX {
        return false;
    }
    let now = sys::nanotime();
    if when > now {
        return false;
    }
    netpoll::ready_all(|collect| {
        p.timers.run(now, collect);
    });
    true
}

/// Runs what is due on every P: for an M that has none and may be the last.
pub(crate) fn check_all() {
    for p in SCHED.ps().chain(SCHED.retired_ps()) {
        check(p);
    }
}

/// When the next timer of any P is due; `u64::MAX`: never (Go: timeSleepUntil).
pub(crate) fn earliest() -> u64 {
    // The order with whoever adds is the caller's fence.
    let all = SCHED.ps().chain(SCHED.retired_ps());
    all.map(|p| p.timers.earliest()).min().unwrap_or(u64::MAX)
}

/// How many timers are armed.
pub(crate) fn armed() -> usize {
    let all = SCHED.ps().chain(SCHED.retired_ps());
    all.map(|p| p.timers.len()).sum()
}

/// Whether a timer is overdue.
pub(crate) fn overdue(now: u64) -> bool {
    let mut all = SCHED.ps().chain(SCHED.retired_ps());
    all.any(|p| p.timers.next_when() <= now)
}
