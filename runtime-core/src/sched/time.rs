//! Timers, as the layers above see them: per P, any thread's (rule 4). Go: time.go.

use std::sync::atomic::Ordering;
use std::task::Waker;

use crate::getg;
use crate::p::P;
use crate::sched::{SCHED, netpoll, waker};
use crate::sys;
use crate::timer::Key;

/// Names a timer that was added. A key of one that has fired is harmless.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimerKey {
    p: u32,
    key: Key,
}

/// Has `waker` woken at `when` (nanoseconds of [`nanotime`](crate::nanotime)) or soon after, never before.
/// Boots the runtime in library mode if need be.
pub fn add(when: u64, waker: Waker) -> TimerKey {
    crate::rt0::ensure_booted();
    let own = getg::current_m().and_then(|m| m.p.get());
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
    SCHED
        .p_or_none(key.p)
        .is_some_and(|p| p.timers.update(key.key, waker))
}

/// Has the timer fire at `when` instead, under another key. None: it has fired.
pub fn reset(key: TimerKey, when: u64) -> Option<TimerKey> {
    let waker = SCHED.p_or_none(key.p)?.timers.cancel(key.key)?;
    Some(add(when, waker))
}

/// Takes the timer back if it has not fired.
pub fn cancel(key: TimerKey) {
    drop(SCHED.p_or_none(key.p).and_then(|p| p.timers.cancel(key.key)));
}

/// Runs what is due on `p` (Go: checkTimers). True: something was.
#[inline]
pub(crate) fn check(p: &'static P) -> bool {
    p.timers.next_when() != u64::MAX && run_due(p)
}

fn run_due(p: &'static P) -> bool {
    let now = sys::nanotime();
    if p.timers.next_when() > now {
        return false;
    }
    p.timers.run(now, &mut waker::wake);
    true
}

/// When the next timer of any P is due; `u64::MAX`: never (Go: timeSleepUntil).
pub(crate) fn earliest() -> u64 {
    // The order with whoever adds is the caller's fence.
    SCHED.ps().map(|p| p.timers.earliest()).min().unwrap_or(u64::MAX)
}

/// For sysmon: whether a timer is overdue.
pub(crate) fn overdue(now: u64) -> bool {
    SCHED.ps().any(|p| p.timers.next_when() <= now) && SCHED.npidle.load(Ordering::Relaxed) != 0
}
