//! The slot in each thread's local storage that says which M it is (Go: getg, get_tls). `settls` proves it.

use std::cell::Cell;
use std::ptr;

use crate::m::M;

thread_local! {
    /// Constant initialiser and no destructor: one load relative to the thread pointer, at any time in a thread's life.
    static SLOT: Cell<*const M> = const { Cell::new(ptr::null()) };
}

/// The M that runs this code, if gort made the thread or booted on it.
#[inline]
pub(crate) fn current_m() -> Option<&'static M> {
    // SAFETY: only `set_m` stores here, and Ms are never freed.
    SLOT.with(|slot| unsafe { slot.get().as_ref() })
}

/// Makes the calling thread `m`'s.
pub(crate) fn set_m(m: &'static M) {
    SLOT.with(|slot| slot.set(m));
}

/// The slot's address, for `settls`.
pub(crate) fn slot_address() -> *const usize {
    SLOT.with(|slot| ptr::from_ref(slot).cast())
}

/// Stores a number that no M has and returns what the slot held (`settls` only).
pub(crate) fn exchange_raw(value: usize) -> usize {
    SLOT.with(|slot| slot.replace(ptr::without_provenance(value)).addr())
}
