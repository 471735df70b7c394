//! From g0 to a G's stack and back. Go: gogo, mcall. All switches of the scheduler are here, so that a sanitizer is told
//! of each.
//!
//! Without a sanitizer these are `arch`'s switches, and nothing else.

use std::cell::Cell;
use std::ffi::c_void;

use crate::arch;
use crate::m::M;
use crate::sanitize::{self, Bounds};
use crate::stack::{Stack, Top};

#[inline(always)]
fn bounds_of(stack: Stack) -> Bounds {
    Bounds {
        lo: stack.lo(),
        hi: stack.hi(),
    }
}

#[inline(always)]
fn g0_bounds(m: &M) -> Bounds {
    Bounds {
        lo: m.g0.lo.get(),
        hi: m.g0.hi.get(),
    }
}

/// From g0 to the G that is parked on `stack` (Go: gogo). Returns when that leaves for g0.
///
/// # Safety
/// The caller is on `m`'s g0. A G has called [`mcall`] on this stack, on this M, and nobody has resumed it since.
#[inline(always)]
pub(crate) unsafe fn gogo(m: &M, stack: Stack) {
    // SAFETY: the stack is the G's, which the caller runs. It has frames, and g0 saves itself.
    unsafe {
        let top = stack.top();
        let left = sanitize::to_parked(&m.g0.sanitize, &top.sanitize, bounds_of(stack));
        arch::switch(&m.g0.sp, top.sp.get());
        sanitize::back_on_g0(&m.g0.sanitize, left);
    }
}

/// From g0 to `entry(arg)` on `stack`, which begins with [`arrived`]. Returns when that leaves for g0.
///
/// # Safety
/// The caller is on `m`'s g0. Nothing stands on the stack, and it is the caller's to use.
#[inline(always)]
pub(crate) unsafe fn start(m: &M, stack: Stack, entry: extern "C" fn(*mut c_void) -> !, arg: *mut c_void) {
    // SAFETY: by the contract; g0 saves itself.
    unsafe {
        let left = sanitize::to_fresh(&m.g0.sanitize, &stack.top().sanitize, bounds_of(stack));
        arch::start(&m.g0.sp, stack.initial_sp(), entry, arg);
        sanitize::back_on_g0(&m.g0.sanitize, left);
    }
}

/// What an entry of [`start`] calls first.
///
/// # Safety
/// The caller is that entry.
#[inline(always)]
pub(crate) unsafe fn arrived() {
    // SAFETY: by the contract.
    unsafe { sanitize::arrived() };
}

/// From the running G to g0 (Go: mcall). Returns when [`gogo`] resumes the G.
///
/// # Safety
/// The caller is on the stack whose record `top` is, on `m`, whose g0 waits in [`gogo`] or [`start`].
#[inline(always)]
pub(crate) unsafe fn mcall(m: &M, top: &Top) {
    // SAFETY: by the contract.
    unsafe {
        let left = sanitize::to_g0(&m.g0.sanitize, g0_bounds(m));
        arch::switch(&top.sp, m.g0.sp.get());
        sanitize::back(left);
    }
}

/// From the running G to g0, for ever: the frames on `m`'s stack are gone.
///
/// # Safety
/// As for [`mcall`], and nothing in those frames is used any more.
#[inline(always)]
pub(crate) unsafe fn leave(m: &M) -> ! {
    let nobody = Cell::new(0);
    // SAFETY: by the contract.
    unsafe {
        // Asking for the stack is more than nothing.
        if sanitize::ON {
            let stack = m.stack();
            sanitize::for_ever(
                &m.g0.sanitize,
                &stack.top().sanitize,
                bounds_of(stack),
                g0_bounds(m),
            );
        }
        arch::switch(&nobody, m.g0.sp.get());
    }
    unreachable!("a base was resumed after it had ended")
}
