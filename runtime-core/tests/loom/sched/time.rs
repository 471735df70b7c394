//! src/sched/time.rs, as far as the protocol goes, and the wakers of Gs that wait for a timer.

use std::task::{RawWaker, RawWakerVTable, Waker};

use super::g::{G, Gp};
use super::p::P;
use super::{SCHED, netpoll, sys};
use crate::m::M;

/// Makes `g` runnable at `when`; any M may run it.
pub(crate) fn add(when: u64, g: Gp) {
    let own = M::current().and_then(|m| m.p.get());
    let p = own.unwrap_or_else(|| SCHED.p(0));
    if p.timers.add(when, waker::of(g)) && own.is_none() {
        netpoll::timer_added(when);
    }
}

/// One that has been there for long: everybody knows.
pub(crate) fn add_before(when: u64, g: Gp) {
    SCHED.p(0).timers.add(when, waker::of(g));
}

pub(crate) fn check(p: &'static P) -> bool {
    let now = sys::nanotime();
    if p.timers.next_when() > now {
        return false;
    }
    netpoll::ready_all(|collect| p.timers.run(now, collect));
    true
}

pub(crate) fn earliest() -> u64 {
    SCHED.ps().map(|p| p.timers.next_when()).min().unwrap_or(u64::MAX)
}

pub(crate) mod waker {
    use super::*;

    static VTABLE: RawWakerVTable = RawWakerVTable::new(
        |_| unreachable!("nothing here clones"),
        |_| unreachable!("the runtime's own wakers go through `own`"),
        |_| unreachable!("the runtime's own wakers go through `own`"),
        |_| {},
    );

    pub(super) fn of(g: Gp) -> Waker {
        // SAFETY: the functions above may be called with anything.
        unsafe { Waker::from_raw(RawWaker::new(g.as_ptr().cast_const().cast(), &VTABLE)) }
    }

    pub(crate) fn own(waker: &Waker) -> Option<(Gp, u8)> {
        Gp::from_ptr(waker.data().cast_mut().cast::<G>()).map(|g| (g, 0))
    }

    pub(crate) fn wake(_: Waker) {
        unreachable!("all wakers here are the runtime's own");
    }
}
