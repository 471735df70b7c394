//! What an arena keeps of a chunk, the unit that the scavenger empties: 2 MiB, one page table page, or a
//! single slot if that is larger. Used by `arena` alone, under its lock. Must never touch the chunk itself.

use std::ptr::NonNull;

/// The least size of a chunk: what one page table page of x86-64 maps, so that emptying a chunk frees it.
pub(super) const MIN_CHUNK_SIZE: usize = 2 << 20;

/// The number of no chunk: the end of a list.
pub(super) const NONE: u32 = u32::MAX;

/// A chunk's slots, one bit each (at most 64: 2 MiB of 32 KiB). In neither set: in use, or in a P's cache.
pub(super) struct Chunk {
    /// Its lowest address.
    pub(super) base: NonNull<u8>,
    /// Slots that hold a free stack: guard in place, `Top` written.
    pub(super) free: u64,
    /// Slots without a stack: never used, or emptied by the scavenger. No guard, no memory.
    pub(super) fresh: u64,
    /// When the last of its stacks came back. Meaningful while no slot is in use.
    pub(super) idle_since: u64,
    /// How many of its guards are mappings of their own.
    pub(super) mapped: u32,
    /// Neighbours on the one list that holds the chunk, if any does.
    prev: u32,
    next: u32,
}

/// What a chunk costs beside itself: 6 bytes for each stack of 256 KiB.
const _: () = assert!(size_of::<Chunk>() == 48);

// SAFETY: `base` is only an address here; the arena that owns the record is used under a lock.
unsafe impl Send for Chunk {}

impl Chunk {
    pub(super) fn new(base: NonNull<u8>, fresh: u64) -> Chunk {
        Chunk {
            base,
            free: 0,
            fresh,
            idle_since: 0,
            mapped: 0,
            prev: NONE,
            next: NONE,
        }
    }
}

/// A list of chunks, linked through them.
#[derive(Clone, Copy)]
pub(super) struct List {
    pub(super) first: u32,
    pub(super) last: u32,
}

impl List {
    pub(super) const EMPTY: List = List {
        first: NONE,
        last: NONE,
    };

    pub(super) fn is_empty(self) -> bool {
        self.first == NONE
    }

    /// Appends a chunk that is on no list.
    pub(super) fn push_last(&mut self, chunks: &mut [Chunk], id: u32) {
        let chunk = &mut chunks[id as usize];
        (chunk.prev, chunk.next) = (self.last, NONE);
        match self.last {
            NONE => self.first = id,
            last => chunks[last as usize].next = id,
        }
        self.last = id;
    }

    /// Takes a chunk of this list out.
    pub(super) fn remove(&mut self, chunks: &mut [Chunk], id: u32) {
        let (prev, next) = (chunks[id as usize].prev, chunks[id as usize].next);
        match prev {
            NONE => self.first = next,
            prev => chunks[prev as usize].next = next,
        }
        match next {
            NONE => self.last = prev,
            next => chunks[next as usize].prev = prev,
        }
    }
}
