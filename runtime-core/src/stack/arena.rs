//! The slots of one class: which are free, which are fresh, and where the next ones come from. Used by
//! `pool` and `scavenge`, under the class's lock. It counts, and reserves regions: it touches no slot and
//! installs no guard.
//!
//! A chunk is on one list at most:
//!
//! ```text
//!   a stack free, another in use     partial[how many are free]    taken from first, the fullest first
//!   stacks free, none in use         idle, the longest idle first  taken from next, the last one first;
//!                                                                  the scavenger takes the first
//!   only fresh slots                 vacant, or it is `opening`
//!   no stack free, some in use       none
//! ```
//!
//! Taking from the fullest chunk lets the others run empty. Fresh slots come from one chunk at a time.

use super::chunk::{Chunk, List, MIN_CHUNK_SIZE, NONE};
use super::{Class, Stack, throw};
use crate::sys::{mem, os_error};
use allocator_api2::vec::Vec;
use std::alloc::System;
use std::io;
use std::ptr::NonNull;

/// Address space reserved at once: 4,096 goroutines.
const REGION_SIZE: usize = 1 << 30;
/// One more than the most stacks that a chunk has free while one is in use.
const COUNTS: usize = 64;

/// A slot taken from an arena.
#[derive(Clone, Copy)]
pub(super) struct Slot {
    pub(super) base: NonNull<u8>,
    pub(super) chunk: u32,
}

/// A chunk taken out to be emptied: on no list, none of its slots to be had.
pub(super) struct Emptying {
    pub(super) base: NonNull<u8>,
    pub(super) len: usize,
    /// How many of its guards are mappings of their own.
    pub(super) mapped: u32,
    id: u32,
}

/// The slots of one class.
pub(super) struct Arena {
    class: Class,
    chunks: Vec<Chunk, System>,
    partial: [List; COUNTS],
    /// Bit n: `partial[n]` is not empty.
    partial_counts: u64,
    idle: List,
    vacant: List,
    /// The chunk that fresh slots are taken from, or NONE.
    opening: u32,
    /// How many stacks there are, and how many of them are free.
    made: usize,
    free: usize,
    /// What is left of the newest region, and how much.
    region: NonNull<u8>,
    region_left: usize,
}

// SAFETY: `region` is only an address here, of memory that the arena owns.
unsafe impl Send for Arena {}

impl Arena {
    pub(super) const fn new(class: Class) -> Arena {
        Arena {
            class,
            chunks: Vec::new_in(System),
            partial: [List::EMPTY; COUNTS],
            partial_counts: 0,
            idle: List::EMPTY,
            vacant: List::EMPTY,
            opening: NONE,
            made: 0,
            free: 0,
            region: NonNull::dangling(),
            region_left: 0,
        }
    }

    /// Takes free stacks, as many as there are and `out` has room for. Returns how many.
    pub(super) fn take_free(&mut self, out: &mut [Option<Stack>]) -> usize {
        let mut taken = 0;
        while taken < out.len() {
            let id = match self.partial_counts {
                0 => self.idle.last,
                counts => self.partial[counts.trailing_zeros() as usize].first,
            };
            if id == NONE {
                break;
            }
            self.unlist(id);
            let chunk = &mut self.chunks[id as usize];
            while taken < out.len() && chunk.free != 0 {
                let slot = chunk.free.trailing_zeros() as usize;
                chunk.free &= chunk.free - 1;
                // SAFETY: slot `slot` lies in the chunk and holds a free stack of this class.
                out[taken] = Some(unsafe { Stack::at(chunk.base.add(slot * self.class.size()), self.class) });
                taken += 1;
            }
            self.list(id);
        }
        self.free -= taken;
        taken
    }

    /// How many stacks there are, those in the hands of Gs, Ms and Ps included, and how many are here.
    pub(super) fn counts(&self) -> (usize, usize) {
        (self.made, self.free)
    }

    /// Whether there is a free stack.
    pub(super) fn has_free(&self) -> bool {
        self.partial_counts != 0 || !self.idle.is_empty()
    }

    /// Takes a slot that has no stack yet.
    ///
    /// # Errors
    /// When no address space is left, or no memory for the arena's own records.
    pub(super) fn take_fresh(&mut self) -> io::Result<Slot> {
        if self.opening == NONE || self.chunks[self.opening as usize].fresh == 0 {
            self.open()?;
        }
        let id = self.opening;
        self.unlist(id);
        let chunk = &mut self.chunks[id as usize];
        let slot = chunk.fresh.trailing_zeros() as usize;
        chunk.fresh &= chunk.fresh - 1;
        self.made += 1;
        // SAFETY: slot `slot` lies in the chunk.
        let base = unsafe { chunk.base.add(slot * self.class.size()) };
        self.list(id);
        Ok(Slot { base, chunk: id })
    }

    /// Takes back a slot of [`take_fresh`](Self::take_fresh) that could not be made a stack.
    pub(super) fn untake_fresh(&mut self, slot: Slot) {
        let bit = self.bit(slot.base);
        self.unlist(slot.chunk);
        self.chunks[slot.chunk as usize].fresh |= bit;
        self.made -= 1;
        self.list(slot.chunk);
    }

    /// Takes a free stack back at time `now`.
    pub(super) fn give(&mut self, id: u32, base: NonNull<u8>, now: u64) {
        let bit = self.bit(base);
        let chunk_base = base.addr().get() & !(self.chunk_size() - 1);
        match self.chunks.get(id as usize) {
            Some(chunk) if chunk.base.addr().get() == chunk_base => {
                if (chunk.free | chunk.fresh) & bit != 0 {
                    throw("a stack was freed twice");
                }
            }
            _ => throw("a stack's Top was overwritten"),
        }
        self.unlist(id);
        let chunk = &mut self.chunks[id as usize];
        chunk.free |= bit;
        chunk.idle_since = now;
        self.free += 1;
        self.list(id);
    }

    /// Remembers that the guard of a slot of [`take_fresh`](Self::take_fresh) is a mapping of its own.
    pub(super) fn note_mapped(&mut self, slot: Slot) {
        self.chunks[slot.chunk as usize].mapped += 1;
    }

    /// Takes out the chunk that is idle for longest, if that is for `min_idle` nanoseconds at `now`.
    pub(super) fn begin_emptying(&mut self, now: u64, min_idle: u64) -> Option<Emptying> {
        let id = self.idle.first;
        let chunk = self.chunks.get(id as usize)?;
        if now.saturating_sub(chunk.idle_since) < min_idle {
            return None;
        }
        self.unlist(id);
        let chunk = &mut self.chunks[id as usize];
        let emptied = chunk.free.count_ones() as usize;
        self.made -= emptied;
        self.free -= emptied;
        (chunk.free, chunk.fresh) = (0, 0);
        let (base, mapped) = (chunk.base, std::mem::take(&mut chunk.mapped));
        Some(Emptying {
            base,
            len: self.chunk_size(),
            mapped,
            id,
        })
    }

    /// Takes an emptied chunk back, all its slots fresh.
    pub(super) fn end_emptying(&mut self, emptied: Emptying) {
        self.chunks[emptied.id as usize].fresh = self.all();
        self.list(emptied.id);
    }

    /// Puts a chunk on the list where its state says it belongs.
    fn list(&mut self, id: u32) {
        if let Some(list) = self.list_of(id) {
            list.0.push_last(list.1, id);
            self.recount(id);
        }
    }

    /// Takes a chunk off its list, before its state changes.
    fn unlist(&mut self, id: u32) {
        if let Some(list) = self.list_of(id) {
            list.0.remove(list.1, id);
            self.recount(id);
        }
    }

    /// The list where a chunk in this state belongs, and all chunks.
    fn list_of(&mut self, id: u32) -> Option<(&mut List, &mut [Chunk])> {
        let all = self.all();
        let chunk = &self.chunks[id as usize];
        let list = if chunk.free != 0 && chunk.free | chunk.fresh == all {
            &mut self.idle
        } else if chunk.free != 0 {
            &mut self.partial[chunk.free.count_ones() as usize]
        } else if chunk.fresh == all && id != self.opening {
            &mut self.vacant
        } else {
            return None;
        };
        Some((list, &mut self.chunks))
    }

    /// Brings `partial_counts` up to date after a chunk was listed or unlisted.
    fn recount(&mut self, id: u32) {
        let count = self.chunks[id as usize].free.count_ones() as usize;
        if let Some(list) = self.partial.get(count) {
            let bit = 1 << count;
            if list.is_empty() {
                self.partial_counts &= !bit;
            } else {
                self.partial_counts |= bit;
            }
        }
    }

    /// Makes a chunk of fresh slots the one to take from.
    fn open(&mut self) -> io::Result<()> {
        let id = match self.vacant.last {
            NONE => self.add_chunk()?,
            id => {
                self.vacant.remove(&mut self.chunks, id);
                id
            }
        };
        self.opening = id;
        Ok(())
    }

    /// A chunk never used before, on no list.
    fn add_chunk(&mut self) -> io::Result<u32> {
        let size = self.chunk_size();
        if self.region_left < size {
            (self.region, self.region_left) = reserve_region(size)?;
        }
        self.chunks
            .try_reserve(1)
            .map_err(|_| os_error(libc::ENOMEM, "keeping records of stacks"))?;
        let chunk = Chunk::new(self.region, self.all());
        // SAFETY: so much is left of the region.
        self.region = unsafe { self.region.add(size) };
        self.region_left -= size;
        self.chunks.push(chunk);
        Ok(self.chunks.len() as u32 - 1)
    }

    /// The bit of the slot at `base` in its chunk. Chunks are aligned to their size.
    fn bit(&self, base: NonNull<u8>) -> u64 {
        let offset = base.addr().get() & (self.chunk_size() - 1);
        1 << (offset / self.class.size())
    }

    /// The bits of all slots of a chunk.
    fn all(&self) -> u64 {
        u64::MAX >> (u64::BITS as usize - self.chunk_size() / self.class.size())
    }

    fn chunk_size(&self) -> usize {
        self.class.size().max(MIN_CHUNK_SIZE)
    }
}

/// Reserves a region; where address space is limited just the chunk, for one class must not take it from the others,
/// nor all of them from the program.
fn reserve_region(chunk_size: usize) -> io::Result<(NonNull<u8>, usize)> {
    if !mem::is_limited()
        && let Ok(base) = mem::reserve(REGION_SIZE, chunk_size)
    {
        return Ok((base, REGION_SIZE));
    }
    Ok((mem::reserve(chunk_size, chunk_size)?, chunk_size))
}
