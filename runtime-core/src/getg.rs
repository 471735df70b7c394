//! The slot in each thread's local storage that says which M it is (Go: getg, get_tls), and its proof.
//!
//! What an M is, is `m.rs`'s business: here it is an address.

use std::cell::Cell;
use std::ptr;

use crate::{arch, debug, sys, throw};

/// Go: asm_amd64.s, rt0_go.
const MAGIC: usize = 0x123;

thread_local! {
    /// Constant initialiser and no destructor: one load relative to the thread pointer, at any time in a thread's life.
    static SLOT: Cell<*const ()> = const { Cell::new(ptr::null()) };
}

/// What the calling thread's slot holds; null on a thread that is no M.
#[inline]
pub(crate) fn get() -> *const () {
    SLOT.get()
}

/// Fills the calling thread's slot.
pub(crate) fn set(m: *const ()) {
    SLOT.set(m);
}

/// The thread pointer is the one that the kernel restores, and a store through the slot is seen by a load relative
/// to it. A mismatch aborts.
pub(crate) fn prove_slot() {
    let tcb = arch::thread_pointer_self();
    let wrong = usize::from(debug::fault("settls_base"));
    match sys::fs_base() {
        Ok(base) if base == tcb + wrong => {}
        Ok(base) => throw(format_args!(
            "settls: the thread pointer is {base:#x}, but the TCB says {tcb:#x}"
        )),
        Err(error) => throw(format_args!(
            "settls: the kernel does not tell the thread pointer: {}",
            sys::brief(&error)
        )),
    }
    let slot = SLOT.with(|slot| ptr::from_ref(slot).addr());
    let offset = slot.wrapping_sub(tcb).cast_signed();
    let stored = if debug::fault("settls") { MAGIC + 1 } else { MAGIC };
    let before = SLOT.replace(ptr::without_provenance(stored));
    // SAFETY: the slot is a live word of this thread's TLS block, at that offset.
    let read = unsafe { arch::load_via_thread_pointer(offset) };
    SLOT.set(before);
    if read != MAGIC {
        throw(format_args!(
            "settls: stored {MAGIC:#x} through the G slot, read back {read:#x}"
        ));
    }
}
