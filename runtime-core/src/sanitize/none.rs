//! No sanitizer: nothing is kept, nothing is done. See `sanitize/mod.rs` for the contract.

use super::Bounds;

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

pub(crate) struct Left;

#[inline(always)]
pub(crate) unsafe fn to_fresh(_: &OfThread, _: &OfStack, _: Bounds) -> Left {
    Left
}

#[inline(always)]
pub(crate) unsafe fn to_parked(_: &OfThread, _: &OfStack, _: Bounds) -> Left {
    Left
}

#[inline(always)]
pub(crate) unsafe fn arrived() {}

#[inline(always)]
pub(crate) unsafe fn to_g0(_: &OfThread, _: Bounds) -> Left {
    Left
}

#[inline(always)]
pub(crate) unsafe fn for_ever(_: &OfThread, _: &OfStack, _: Bounds, _: Bounds) {}

#[inline(always)]
pub(crate) unsafe fn back(_: Left) {}

#[inline(always)]
pub(crate) unsafe fn back_on_g0(_: &OfThread, _: Left) {}
