//! gort's wakers: the G's address with the wait level in its low bits (rule 5). No allocation, one vtable, by which
//! the runtime tells its own from all others (rule 8).

use std::ptr;
use std::task::{RawWaker, RawWakerVTable, Waker};

use crate::g::{G, Gp};
use crate::m::M;
use crate::sched::base;
use crate::sched::deferred;
use crate::sched::ready::ready;
use crate::sched::sleeper;
use crate::state::{MAX_LEVEL, Wake};

/// No wait level (`Top.yields_at`).
pub(crate) const NO_LEVEL: u8 = u8::MAX;

static VTABLE: RawWakerVTable = RawWakerVTable::new(clone, wake_by_val, wake_by_ref, drop_ref);

const _: () = assert!(
    align_of::<G>() > MAX_LEVEL as usize,
    "a level must fit into the low bits of a G's address"
);

/// A waker of `g` at `level` that owns no reference: for a `ManuallyDrop`, while the G runs.
#[inline]
pub(crate) fn borrowed(g: Gp, level: u8) -> Waker {
    let data = g
        .as_ptr()
        .map_addr(|addr| addr | usize::from(level))
        .cast_const()
        .cast();
    // SAFETY: the vtable's functions keep the contract of RawWaker: thread-safe, and they count references.
    unsafe { Waker::from_raw(RawWaker::new(data, &VTABLE)) }
}

#[inline]
fn decode(data: *const ()) -> (Gp, u8) {
    let level = data.addr() & usize::from(MAX_LEVEL);
    let g = data
        .map_addr(|addr| addr & !usize::from(MAX_LEVEL))
        .cast_mut()
        .cast::<G>();
    (Gp::from_ptr(g).expect("a waker without a G"), level as u8)
}

/// The G and level of a waker, if it is one of ours.
#[inline]
pub(crate) fn own(waker: &Waker) -> Option<(Gp, u8)> {
    ptr::eq(waker.vtable(), &VTABLE).then(|| decode(waker.data()))
}

unsafe fn clone(data: *const ()) -> RawWaker {
    decode(data).0.g().state.ref_inc();
    RawWaker::new(data, &VTABLE)
}

unsafe fn wake_by_val(data: *const ()) {
    let (g, level) = decode(data);
    settle(g, g.g().state.wake_by_val(level));
}

unsafe fn wake_by_ref(data: *const ()) {
    let (g, level) = decode(data);
    settle(g, g.g().state.wake_by_ref(level));
}

unsafe fn drop_ref(data: *const ()) {
    let g = decode(data).0;
    settle(g, g.g().state.ref_dec());
}

#[inline]
fn settle(g: Gp, wake: Wake) {
    match wake {
        Wake::Nothing => {}
        Wake::Ready { pinned } => ready(g, pinned),
        Wake::Free => base::free(g),
    }
}

/// Wakes for the runtime. On g0 a waker that is not ours waits for a system G; elsewhere its panic is fatal, for
/// there is nobody to hand it to.
pub(crate) fn wake(waker: Waker) {
    if own(&waker).is_some() || sleeper::is_own(&waker) {
        waker.wake();
    } else if M::current().is_some_and(|m| m.curg.get().is_none()) {
        deferred::push(deferred::Item::Wake(waker));
    } else {
        run_foreign(move || waker.wake());
    }
}

/// Runs a piece of foreign waker code that has no caller to unwind to.
pub(crate) fn run_foreign(f: impl FnOnce()) {
    if std::panic::catch_unwind(std::panic::AssertUnwindSafe(f)).is_err() {
        crate::throw(format_args!(
            "a waker panicked, and the runtime has nobody to hand the panic to"
        ));
    }
}
