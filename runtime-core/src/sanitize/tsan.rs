//! ThreadSanitizer. See `sanitize/mod.rs` for the contract.
//!
//! It keeps a stack of calls and a clock for each fiber. A stack has one from its first frame to its last; g0's is the
//! thread's own. Every switch counts as synchronisation: both sides run on one thread, one after the other.

use std::cell::Cell;
use std::ffi::{c_uint, c_void};
use std::ptr;

use super::Bounds;

// compiler-rt: sanitizer/tsan_interface.h.
unsafe extern "C" {
    fn __tsan_get_current_fiber() -> *mut c_void;
    fn __tsan_create_fiber(flags: c_uint) -> *mut c_void;
    fn __tsan_destroy_fiber(fiber: *mut c_void);
    fn __tsan_switch_to_fiber(fiber: *mut c_void, flags: c_uint);
}

/// The switch synchronises.
const SYNC: c_uint = 0;

type Fiber = Cell<*mut c_void>;

#[derive(Default)]
pub(crate) struct OfThread {
    own: Fiber,
    /// The fiber of frames that have left for ever: none is destroyed while it runs.
    dead: Fiber,
}

impl OfThread {
    pub(crate) const fn new() -> OfThread {
        OfThread {
            own: Cell::new(ptr::null_mut()),
            dead: Cell::new(ptr::null_mut()),
        }
    }
}

pub(crate) struct OfStack {
    /// Null while there are no frames on the stack.
    fiber: Fiber,
}

impl OfStack {
    pub(crate) const fn new() -> OfStack {
        OfStack {
            fiber: Cell::new(ptr::null_mut()),
        }
    }
}

pub(crate) struct Left;

#[inline(always)]
pub(crate) unsafe fn to_fresh(thread: &OfThread, stack: &OfStack, _: Bounds) -> Left {
    // SAFETY: the caller is on g0, and starts its first frame on that stack next.
    unsafe {
        thread.own.set(__tsan_get_current_fiber());
        stack.fiber.set(__tsan_create_fiber(0));
        __tsan_switch_to_fiber(stack.fiber.get(), SYNC);
    }
    Left
}

#[inline(always)]
pub(crate) unsafe fn to_parked(_: &OfThread, stack: &OfStack, _: Bounds) -> Left {
    // SAFETY: the stack has frames, hence a fiber, and the caller switches to it next.
    unsafe { __tsan_switch_to_fiber(stack.fiber.get(), SYNC) };
    Left
}

#[inline(always)]
pub(crate) unsafe fn arrived() {}

#[inline(always)]
pub(crate) unsafe fn to_g0(thread: &OfThread, _: Bounds) -> Left {
    // SAFETY: `to_fresh` has set it, on this thread, before any frame was.
    unsafe { __tsan_switch_to_fiber(thread.own.get(), SYNC) };
    Left
}

#[inline(always)]
pub(crate) unsafe fn for_ever(thread: &OfThread, stack: &OfStack, _: Bounds, _: Bounds) {
    thread.dead.set(stack.fiber.replace(ptr::null_mut()));
    // SAFETY: as in `to_g0`.
    unsafe { __tsan_switch_to_fiber(thread.own.get(), SYNC) };
}

#[inline(always)]
pub(crate) unsafe fn back(_: Left) {}

#[inline(always)]
pub(crate) unsafe fn back_on_g0(thread: &OfThread, _: Left) {
    let dead = thread.dead.replace(ptr::null_mut());
    if !dead.is_null() {
        // SAFETY: its last frame has left it for g0.
        unsafe { __tsan_destroy_fiber(dead) };
    }
}
