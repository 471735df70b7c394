//! An asymmetric fence: [`light`] on the side that passes often, [`heavy`] on the other, and together they order like
//! two full fences. The heavy one has the kernel run a full fence on every processor that runs this process.
//!
//! Where the kernel has no membarrier, and until it is registered, both are full fences. Who passes [`light`] with a
//! compiler fence has seen [`lighten`]'s store, and with it all that was claimed before: the heavy side passes under one
//! lock, under which that store is made. Who still passes it with a full fence orders with either.

use std::sync::atomic::{AtomicBool, Ordering, compiler_fence, fence};

use crate::{debug, sys};

/// Whether both are full fences.
static FULL: AtomicBool = AtomicBool::new(true);

/// Whether there is any point in [`register`]: nobody has done it, and nobody wants to do without.
pub(crate) fn may_register() -> bool {
    FULL.load(Ordering::Relaxed) && !debug::no_membarrier()
}

/// Asks the kernel for membarrier: 2 us while the process has one thread, 10 ms later on. True: [`lighten`] may follow.
#[must_use]
pub(crate) fn register() -> bool {
    may_register() && sys::membarrier_register().is_ok()
}

/// From here on [`light`] is cheap. Under the lock that [`heavy`] is called under.
pub(crate) fn lighten() {
    // Release: pairs with `light`.
    FULL.store(false, Ordering::Release);
}

/// The side that passes often.
#[inline(always)]
pub(crate) fn light() {
    // Acquire: pairs with `lighten`.
    if FULL.load(Ordering::Acquire) {
        fence(Ordering::SeqCst);
    } else {
        compiler_fence(Ordering::SeqCst);
    }
}

/// The side that passes rarely, under the sched lock.
pub(crate) fn heavy() {
    if FULL.load(Ordering::Relaxed) {
        fence(Ordering::SeqCst);
    } else if let Err(error) = sys::membarrier() {
        crate::throw(format_args!("membarrier: {}", sys::brief(&error)));
    }
}
