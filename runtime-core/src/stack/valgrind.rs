//! Telling Valgrind of stacks, so that it knows a switch from a frame of a gigabyte. Called where a stack is made and
//! where one is unmapped, never at a switch. Outside of Valgrind it costs a few instructions and does nothing.

use crate::arch;
use std::ops::Range;

/// valgrind.h, VG_USERREQ__RUNNING_ON_VALGRIND: how many Valgrinds there are, one in another.
const RUNNING_ON_VALGRIND: usize = 0x1001;
/// VG_USERREQ__STACK_REGISTER: lowest and highest byte; answers with the stack's number.
const STACK_REGISTER: usize = 0x1501;
/// VG_USERREQ__STACK_DEREGISTER: that number.
const STACK_DEREGISTER: usize = 0x1502;

/// Valgrind's number for a stack, 0 outside of Valgrind.
#[derive(Clone, Copy)]
pub(super) struct Id(u32);

/// Whether this process runs in Valgrind.
pub fn is_running() -> bool {
    arch::valgrind_request([RUNNING_ON_VALGRIND, 0, 0, 0, 0, 0]) != 0
}

/// Says that a stack is there. A slot that the scavenger has emptied is registered again, with the same bounds; Valgrind
/// goes by the first entry that fits.
pub(super) fn register(slot: Range<usize>) -> Id {
    let id = arch::valgrind_request([STACK_REGISTER, slot.start, slot.end - 1, 0, 0, 0]);
    // Valgrind counts them from 0 in a 32-bit word.
    Id(id as u32)
}

/// Says that a stack is gone, and its addresses with it.
pub(super) fn deregister(id: Id) {
    arch::valgrind_request([STACK_DEREGISTER, id.0 as usize, 0, 0, 0, 0]);
}
