//! An asymmetric fence: [`light`] on the side that passes often, [`heavy`] on the other, and together they order like
//! two full fences. The heavy one has the kernel run a full fence on every processor that runs this process.
//!
//! Where the kernel has no membarrier, both are full fences.

use std::sync::atomic::{AtomicBool, Ordering, compiler_fence, fence};

use crate::{debug, sys};

/// Whether `light` has to be a full fence. Set at boot, before there is a second thread.
static FULL: AtomicBool = AtomicBool::new(false);
/// Whether the two order.
static READY: AtomicBool = AtomicBool::new(false);

/// At boot, before there is a second thread, when registering costs 2 us.
pub(crate) fn init() {
    if debug::no_membarrier() || sys::membarrier_register().is_err() {
        FULL.store(true, Ordering::Relaxed);
    }
    READY.store(true, Ordering::Release);
}

/// At boot in a program that has threads already, where registering takes 10 ms: [`register`] does it later.
pub(crate) fn init_among_threads() {
    if debug::no_membarrier() || !sys::has_membarrier() {
        FULL.store(true, Ordering::Relaxed);
        READY.store(true, Ordering::Release);
    }
}

/// The rest of `init_among_threads`, on a thread that has the time.
///
/// # Errors
/// When the kernel refuses what it said that it has. The fence is never ready then.
pub(crate) fn register() -> std::io::Result<()> {
    if !is_ready() {
        sys::membarrier_register()?;
        READY.store(true, Ordering::Release);
    }
    Ok(())
}

/// Whether `heavy` may be called.
pub(crate) fn is_ready() -> bool {
    READY.load(Ordering::Acquire)
}

/// The side that passes often.
#[inline(always)]
pub(crate) fn light() {
    if FULL.load(Ordering::Relaxed) {
        fence(Ordering::SeqCst);
    } else {
        compiler_fence(Ordering::SeqCst);
    }
}

/// The side that passes rarely.
pub(crate) fn heavy() {
    debug_assert!(is_ready());
    if FULL.load(Ordering::Relaxed) {
        fence(Ordering::SeqCst);
    } else if let Err(error) = sys::membarrier() {
        crate::throw(format_args!("membarrier: {}", sys::brief(&error)));
    }
}
