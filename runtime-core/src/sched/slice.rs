//! Fair time: what a G does when its slice is over. Go: preempt, forcePreemptNS.
//!
//! sysmon sets `P.preempt` after 10 ms of one slice, which a G shares with those that it wakes into `runnext`. gort's
//! own leaf futures and `wait` then yield, once, though what they wait for is there: a budget of time, not a count of
//! operations. User code that calls none of them may lose its P (rule 3), not its turn.

use std::panic::Location;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};

use crate::m::M;
use crate::p::P;
use crate::sched::counters;
use crate::sched::park::{request_yield, wait_now};
use crate::wait_reason::WaitReason;

/// The next G has a slice of its own. By whoever holds `p`.
#[inline]
pub(crate) fn begin(p: &P) {
    p.preempt.store(false, Ordering::Relaxed);
    let tick = p.schedtick.load(Ordering::Relaxed);
    p.schedtick.store(tick.wrapping_add(1), Ordering::Relaxed);
}

/// Whether the running G should let others go first.
#[inline]
fn is_over() -> bool {
    // The P may have been lost since: then this is about a slice of somebody else's, and costs a yield.
    let p = M::current().and_then(|m| m.p.get());
    p.is_some_and(|p| p.preempt.load(Ordering::Relaxed))
}

/// For a leaf future, before it says that it is ready. Pending: the slice is over; `cx` has been seen to, and the future
/// returns Pending.
#[inline]
pub fn poll_proceed(cx: &mut Context<'_>) -> Poll<()> {
    if !is_over() {
        return Poll::Ready(());
    }
    give_up(cx)
}

#[cold]
fn give_up(cx: &mut Context<'_>) -> Poll<()> {
    counters::YIELDS.count();
    if !request_yield(cx.waker()) {
        cx.waker().wake_by_ref();
    }
    Poll::Pending
}

/// For blocking code that is about to go on without a wait: if the slice is over, others go first.
#[inline]
#[track_caller]
pub fn proceed() {
    if is_over() {
        let mut yielded = false;
        wait_now(WaitReason::Future, Location::caller(), |cx| {
            if std::mem::replace(&mut yielded, true) {
                return Poll::Ready(());
            }
            give_up(cx)
        });
    }
}
