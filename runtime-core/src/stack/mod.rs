//! Stacks for Gs: where they come from, where they wait for reuse, how their memory is given back, and
//! what is said when one overflows. Called by `sched` (on g0) and by the scavenger's goroutine.
//!
//! ```text
//!   Cache (one per P)     put/get, last in first out; spills 32 at 64, refills to 32
//!     |  ^
//!     v  |
//!   pool (global)         one lock a class: free stacks, counted per 2 MiB chunk
//!     |  ^
//!     v  |
//!   arena (per class)     regions of 1 GiB of address space, cut into chunks, cut into slots
//!
//!   one slot, aligned to its size:
//!   lowest                                                        highest
//!   | guard 16 KiB | never touched until frames need it ... | frames | Top |
//!                  ^ lo                                               ^ hi = initial_sp
//! ```
//!
//! A stack costs what its frames touch: the page with [`Top`], and an eighth of a page table page at
//! 256 KiB. Everything else that is kept of it is a share of its chunk's 48 bytes. So nothing here reads or writes
//! any other page of a slot, and the guard splits no mapping.
//!
//! A [`Stack`] is a handle, as a file descriptor is: copying it copies no ownership. By protocol it belongs
//! to the G whose frames lie on it or, between two uses, to the list that it was given to. Giving one back
//! twice is noticed where it can be, and is fatal.
//!
//! Nothing here may enter the global allocator, print, or panic on what the system answers.

mod arena;
mod cache;
mod chunk;
mod class;
mod guard;
pub mod overflow;
mod pool;
mod scavenge;
mod top;
pub mod valgrind;

pub use cache::Cache;
pub use class::Class;
pub use pool::{alloc, any_free, clear_given, counts, free, given};
pub use scavenge::{Scavenged, scavenge};
pub use top::{Stack, Top};

/// The part of every stack that faults, at its lowest end: four pages, so that a frame of a C function
/// that probes no pages is likely to hit it too. Part of the stack's size.
pub const GUARD_SIZE: usize = 16 * 1024;

/// Says that a promise among this module's files is broken, and ends the process.
#[cold]
fn throw(what: &str) -> ! {
    crate::throw(format_args!("stack: {what}"))
}
