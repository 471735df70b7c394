//! Fair time: what a G does when its slice is over. Go: preempt, forcePreemptNS.
//!
//! sysmon sets `P.preempt` after 10 ms of one slice, which a G shares with those that it wakes into `runnext`. gort's
//! own leaf futures and `wait` then yield, once, though what they wait for is there: a budget of time, not a count of
//! operations. User code that calls none of them may lose its P (rule 3), not its turn. Where it then calls one, it waits
//! for another P.

use std::panic::Location;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use crate::m::M;
use crate::p::P;
use crate::sched::counters;
use crate::sched::park::{request_yield, wait_now};
use crate::sys;
use crate::wait_reason::WaitReason;

/// The next G has a slice of its own. By whoever holds `p`.
#[inline]
pub(crate) fn begin(p: &P) {
    p.preempt.store(false, Ordering::Relaxed);
    let tick = p.schedtick.load(Ordering::Relaxed);
    p.schedtick.store(tick.wrapping_add(1), Ordering::Relaxed);
}

/// Gs have lately computed for long. Changed by sysmon.
static LONG: AtomicBool = AtomicBool::new(false);

/// What sysmon has seen of late.
pub(crate) fn saw_long(long: bool) {
    if LONG.load(Ordering::Relaxed) != long {
        LONG.store(long, Ordering::Relaxed);
    }
}

/// Whether what stands in `p`'s ring may have to wait for long: the last G there ran over its slice, or others have
/// computed for long of late.
pub(crate) fn are_long(p: &P) -> bool {
    p.preempt.load(Ordering::Relaxed) || LONG.load(Ordering::Relaxed)
}

/// How long a leaf future refuses to go on, and after how long it does so again. Whoever polls it may never come back to
/// the scheduler: another executor's `block_on`, or a loop around `now_or_never`. All that one poll asks is refused.
const REFUSE_NANOS: u64 = 50_000;
const REFUSE_AGAIN_NANOS: u64 = 1_000_000;

/// Whether the running G should let others go first: its slice is over, or its M has lost its P, and goes on without one
/// only as long as it has to.
#[inline]
fn is_over() -> bool {
    let Some(m) = M::current() else { return false };
    match m.p.get() {
        // It may have been taken since: then its slice is somebody else's.
        Some(p) => p.preempt.load(Ordering::Relaxed) || !p.owner.is_held_by(m.id),
        None => m.curg.get().is_some(),
    }
}

/// For a leaf future, before it says that it is ready. Pending: others go first; `cx` has been seen to, and the future
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
    if !refuses() {
        return Poll::Ready(());
    }
    counters::YIELDS.count();
    if !request_yield(cx.waker()) {
        cx.waker().wake_by_ref();
    }
    Poll::Pending
}

/// Whether what the running G asks for is refused: at first, and again when that is long ago.
fn refuses() -> bool {
    let Some(m) = M::current() else { return false };
    let (run, now) = (m.runs.load(Ordering::Relaxed), sys::nanotime());
    let (refused, since) = m.refused.get();
    if run == refused && now - since < REFUSE_AGAIN_NANOS {
        return now - since < REFUSE_NANOS;
    }
    m.refused.set((run, now));
    true
}

/// For blocking code that is about to go on without a wait: others go first, as in [`poll_proceed`].
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
