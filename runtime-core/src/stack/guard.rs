//! The part of a stack that faults: a guard region or, where the kernel has none, a mapping of its own. Put there by
//! `pool`, told by `scavenge` and `pool` when it goes.
//!
//! Mappings are the whole process's (vm.max_map_count). Without any left a thread cannot start and malloc fails, far
//! from the goroutine that took the last one. So guards never take the last: a stack that would need it is an error,
//! and its goroutine waits.

use super::GUARD_SIZE;
use crate::sys::mem;
use std::io;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicUsize, Ordering};

/// How a stack is guarded.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Guard {
    /// By a guard region, which splits no mapping.
    Region,
    /// By a mapping without access.
    Mapping,
}

/// What such a guard costs: itself, and what lies between it and the next.
const MAPPINGS_EACH: usize = 2;
/// One mapping in so many is for the rest of the program.
const SHARE_KEPT: usize = 8;

/// How many guards are mappings of their own.
static MAPPED: AtomicUsize = AtomicUsize::new(0);
/// How many may be. 0: not asked yet. The limit may be raised while the process runs, so whoever reaches it asks again.
static MAY_BE_MAPPED: AtomicUsize = AtomicUsize::new(0);

/// Makes the lowest part of the slot at `base` fault.
///
/// # Errors
/// Without guard regions, when the guards' share of vm.max_map_count is used up.
///
/// # Safety
/// `base` starts a slot that nobody uses.
pub(super) unsafe fn install(base: NonNull<u8>) -> io::Result<Guard> {
    // SAFETY: by the contract.
    if unsafe { mem::guard_install(base, GUARD_SIZE) }.is_ok() {
        return Ok(Guard::Region);
    }
    if MAPPED.fetch_add(1, Ordering::Relaxed) >= MAY_BE_MAPPED.load(Ordering::Relaxed) && !ask_again() {
        gone(1);
        return Err(mem::no_mapping_left());
    }
    // SAFETY: by the contract.
    match unsafe { mem::protect_none(base, GUARD_SIZE) } {
        Ok(()) => Ok(Guard::Mapping),
        Err(error) => {
            gone(1);
            Err(error)
        }
    }
}

/// So many guards that were mappings are no more.
pub(super) fn gone(mapped: usize) {
    MAPPED.fetch_sub(mapped, Ordering::Relaxed);
}

/// Whether the limit, asked for anew, allows what there is.
#[cold]
fn ask_again() -> bool {
    let mappings = mem::max_map_count();
    let may_be = (mappings - mappings / SHARE_KEPT) / MAPPINGS_EACH;
    MAY_BE_MAPPED.store(may_be, Ordering::Relaxed);
    MAPPED.load(Ordering::Relaxed) <= may_be
}
