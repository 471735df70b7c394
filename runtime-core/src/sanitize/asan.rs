//! AddressSanitizer. See `sanitize/mod.rs` for the contract.
//!
//! It must know the bounds of the running stack, to clean the shadow when a panic unwinds, and it keeps a stack of its
//! own beside it for locals whose address is taken (the fake stack), which whoever leaves takes along.

use std::ffi::c_void;
use std::ptr;

use super::Bounds;
use crate::arch;

// compiler-rt: sanitizer/common_interface_defs.h, sanitizer/asan_interface.h.
unsafe extern "C" {
    fn __sanitizer_start_switch_fiber(fake_stack_save: *mut *mut c_void, bottom: *const c_void, size: usize);
    fn __sanitizer_finish_switch_fiber(
        fake_stack_save: *mut c_void,
        bottom_old: *mut *const c_void,
        size_old: *mut usize,
    );
    fn __asan_unpoison_memory_region(address: *const c_void, size: usize);
}

#[derive(Default)]
pub(crate) struct OfThread;

impl OfThread {
    pub(crate) const fn new() -> OfThread {
        OfThread
    }
}

pub(crate) struct OfStack;

impl OfStack {
    pub(crate) const fn new() -> OfStack {
        OfStack
    }
}

/// The fake stack of the one that left.
pub(crate) struct Left(*mut c_void);

#[inline(always)]
unsafe fn leave(to: Bounds) -> Left {
    let mut fake = ptr::null_mut();
    // SAFETY: the caller switches to that stack next.
    unsafe { __sanitizer_start_switch_fiber(&mut fake, ptr::without_provenance(to.lo), to.hi - to.lo) };
    Left(fake)
}

#[inline(always)]
pub(crate) unsafe fn to_fresh(_: &OfThread, _: &OfStack, to: Bounds) -> Left {
    // SAFETY: as in `leave`.
    unsafe { leave(to) }
}

#[inline(always)]
pub(crate) unsafe fn to_parked(_: &OfThread, _: &OfStack, to: Bounds) -> Left {
    // SAFETY: as in `leave`.
    unsafe { leave(to) }
}

#[inline(always)]
pub(crate) unsafe fn arrived() {
    // SAFETY: a fresh stack has no fake one; the bounds of the stack that was left are not asked for.
    unsafe { __sanitizer_finish_switch_fiber(ptr::null_mut(), ptr::null_mut(), ptr::null_mut()) };
}

#[inline(always)]
pub(crate) unsafe fn to_g0(_: &OfThread, g0: Bounds) -> Left {
    // SAFETY: as in `leave`.
    unsafe { leave(g0) }
}

/// The frames that are left never return, and so never clean the shadow: the next ones on this stack would trip.
#[inline(always)]
pub(crate) unsafe fn for_ever(_: &OfThread, _: &OfStack, from: Bounds, g0: Bounds) {
    let sp = arch::stack_pointer();
    // SAFETY: the running stack's used part; nothing is called on it any more. Without a place to save it in, the fake
    // stack is freed.
    unsafe {
        __asan_unpoison_memory_region(ptr::without_provenance(sp), from.hi - sp);
        __sanitizer_start_switch_fiber(ptr::null_mut(), ptr::without_provenance(g0.lo), g0.hi - g0.lo);
    }
}

#[inline(always)]
pub(crate) unsafe fn back(left: Left) {
    // SAFETY: `left` is this stack's, from when it was left.
    unsafe { __sanitizer_finish_switch_fiber(left.0, ptr::null_mut(), ptr::null_mut()) };
}

#[inline(always)]
pub(crate) unsafe fn back_on_g0(_: &OfThread, left: Left) {
    // SAFETY: as in `back`.
    unsafe { back(left) };
}
