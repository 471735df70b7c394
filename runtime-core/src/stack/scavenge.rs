//! Giving the memory of free stacks back to the system. Called by the scavenger's goroutine, never on g0:
//! emptying a chunk takes the kernel some microseconds. Stacks in a P's cache are not its business
//! (`sched::stacks::flush_unused`).
//!
//! A free stack keeps its top page and its guard, and these keep their page table page; so a chunk is
//! emptied whole, guards included, or not at all. With the guards gone its page table page goes too
//! (since Linux 6.14, CONFIG_PT_RECLAIM; before that only memory is released).

use super::arena::Emptying;
use super::{Class, guard, pool};
use crate::sys::{mem, nanotime};

/// What [`scavenge`] has done.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Scavenged {
    /// The stack memory released, page tables not counted.
    pub bytes: usize,
    /// Its time was up before it had looked at everything.
    pub more: bool,
}

/// Empties chunks none of whose stacks has been in use for `min_idle_nanos`, the longest idle first, for as long as
/// `limit_nanos`; at least one, if there is one.
///
/// A chunk takes some 15 us, or 100 us if all of it was touched. Each class's lock is held twice a chunk, for some
/// tens of nanoseconds.
pub fn scavenge(min_idle_nanos: u64, limit_nanos: u64) -> Scavenged {
    let now = nanotime();
    let mut bytes = 0;
    for index in 0..Class::POOLED {
        let class = Class::pooled(index);
        while let Some(chunk) =
            pool::arena(class).and_then(|mut arena| arena.begin_emptying(now, min_idle_nanos))
        {
            bytes += empty(&chunk);
            if let Some(mut arena) = pool::arena(class) {
                arena.end_emptying(chunk);
            }
            if nanotime() - now >= limit_nanos {
                return Scavenged { bytes, more: true };
            }
        }
    }
    Scavenged { bytes, more: false }
}

/// Takes the guards off a chunk and gives its memory back. Returns how much it was.
///
/// What fails is left as it is: memory that is locked stays (the slots are reused all the same), and a
/// guard that stays is installed once more when its slot is used again.
fn empty(chunk: &Emptying) -> usize {
    let &Emptying {
        base, len, mapped, ..
    } = chunk;
    // SAFETY: `begin_emptying` took the chunk out: no slot of it is in use or can be had, so nothing relies
    // on its contents or its guards.
    unsafe {
        let _ = mem::guard_remove(base, len);
        if mapped > 0 && mem::protect_rw(base, len).is_ok() {
            guard::gone(mapped as usize);
        }
        let resident = mem::resident(base, len);
        mem::dontneed(base, len).map_or(0, |()| resident)
    }
}
