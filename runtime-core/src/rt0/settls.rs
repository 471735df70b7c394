//! Proves that the G slot is where compiled code will look for it. Go: settls and the 0x123 test in rt0_go.
//!
//! libc owns the thread pointer (Go's cgo case); the slot is a thread-local of ours. Every new M proves its own.

use crate::getg;
use crate::steps::step;

#[inline(never)]
pub(crate) fn settls() {
    step("settls");
    getg::prove_slot();
}
