//! What a sanitizer is told of stack switches. Called by `sched::switch`, around each switch, and by nobody else.
//!
//! Sanitizers keep a shadow of the running stack. They believe that it is the thread's own, unless told otherwise.
//! `ci/asan.sh` and `ci/tsan.sh` build with `--cfg gort_asan` or `--cfg gort_tsan`; in every other build all of this
//! is empty, and a switch is what `arch` makes it. (Valgrind is told of stacks instead: `stack::valgrind`.)
//!
//! Each file provides:
//!
//! - [`OfThread`]: what is kept of an M's thread. In `G0`.
//! - [`OfStack`]: what is kept of a stack. In `Top`.
//! - [`to_fresh`], [`to_parked`]: g0 is about to leave for a stack, one without frames or one with.
//! - [`arrived`]: the first thing that happens on a fresh stack.
//! - [`to_g0`]: a stack is about to be left for g0, by frames that will be resumed.
//! - [`for_ever`]: the same, by frames that will not.
//! - [`back`], [`back_on_g0`]: whoever called one of the first two kinds, or `to_g0`, goes on, with what that returned.
//!
//! And there is [`Mutex`]: std's, but for ThreadSanitizer.
//!
//! What a switch passes between the two calls must be in registers or on the stack that is left.

#[cfg(gort_asan)]
mod asan;
#[cfg(gort_asan)]
use asan as imp;

#[cfg(gort_tsan)]
mod mutex;
#[cfg(gort_tsan)]
mod tsan;
#[cfg(gort_tsan)]
use tsan as imp;

#[cfg(not(any(gort_asan, gort_tsan)))]
mod none;
#[cfg(not(any(gort_asan, gort_tsan)))]
use none as imp;

#[cfg(gort_tsan)]
pub use mutex::Mutex;
#[cfg(not(gort_tsan))]
pub use std::sync::Mutex;

pub(crate) use imp::{OfStack, OfThread, arrived, back, back_on_g0, for_ever, to_fresh, to_g0, to_parked};

/// Whether there is a sanitizer.
pub(crate) const ON: bool = cfg!(any(gort_asan, gort_tsan));

/// The addresses that frames of a stack may use.
#[derive(Clone, Copy)]
#[cfg_attr(not(gort_asan), expect(dead_code, reason = "only AddressSanitizer asks"))]
pub(crate) struct Bounds {
    pub(crate) lo: usize,
    pub(crate) hi: usize,
}
