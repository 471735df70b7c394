//! Proves that the G slot is where compiled code will look for it. Go: settls and the 0x123 test in rt0_go.
//!
//! libc owns the thread pointer (Go's cgo case); the slot is a thread-local of ours. Every new M proves its own.

use crate::rt0::step;
use crate::{arch, debug, getg, sys, throw};

/// Go: asm_amd64.s, rt0_go.
const MAGIC: usize = 0x123;

#[inline(never)]
pub(crate) fn settls() {
    step("settls");
    prove_slot();
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
            "settls: the kernel does not tell the thread pointer: {error}"
        )),
    }
    let slot = getg::slot_address();
    let offset = slot.addr().wrapping_sub(tcb).cast_signed();
    let stored = if debug::fault("settls") { MAGIC + 1 } else { MAGIC };
    let before = getg::exchange_raw(stored);
    // SAFETY: the slot is a live word of this thread's TLS block, at that offset.
    let read = unsafe { arch::load_via_thread_pointer(offset) };
    getg::exchange_raw(before);
    if read != MAGIC {
        throw(format_args!(
            "settls: stored {MAGIC:#x} through the G slot, read back {read:#x}"
        ));
    }
}
