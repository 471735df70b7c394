//! Looking at stacks as their owner may: their highest word, their guards.

#![allow(dead_code)] // Each test binary uses its part.

use gort_runtime_core::stack::{self, Cache, GUARD_SIZE, Stack};
use gort_runtime_core::sys::mem;

/// Gives a stack back.
pub(crate) fn free(stack: Stack) {
    // SAFETY: the tests run nothing on their stacks, and look no more at what they have given back.
    unsafe { stack::free(stack) };
}

/// Gives a stack to a cache.
pub(crate) fn put(cache: &Cache, stack: Stack) {
    // SAFETY: as in `free`.
    unsafe { cache.put(stack) };
}

/// Writes where the first frame would.
pub(crate) fn touch(stack: Stack, value: u64) {
    // SAFETY: the stack is the test's, and has no frames; this is its highest word.
    unsafe { ((stack.initial_sp() - 8) as *mut u64).write_volatile(value) };
}

pub(crate) fn touched(stack: Stack) -> u64 {
    // SAFETY: as in `touch`.
    unsafe { ((stack.initial_sp() - 8) as *const u64).read_volatile() }
}

pub(crate) fn assert_guarded(stack: Stack) {
    let guard = stack.guard();
    assert_eq!(guard.len(), GUARD_SIZE);
    assert_eq!(guard.end, stack.lo());
    for address in [guard.start, guard.start + GUARD_SIZE / 2, guard.end - 1] {
        assert!(mem::is_guarded(address), "{address:x} of {stack:?}");
    }
    assert!(!mem::is_guarded(stack.lo()), "{stack:?}");
}

/// Has every chunk emptied that is idle for so long. Returns the bytes.
pub(crate) fn scavenge(min_idle_nanos: u64) -> usize {
    let scavenged = stack::scavenge(min_idle_nanos, u64::MAX);
    assert!(!scavenged.more);
    scavenged.bytes
}
