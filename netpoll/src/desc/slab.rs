//! Where [`PollDesc`]s live: chunks that are never freed, a free list, and the [`Key`] that an event carries.
//!
//! [`Registration`](crate::registration) takes and returns descriptors; the poller looks them up on g0, which
//! takes no lock. Chunks come from [`System`], since they are made under a lock (ARCHITECTURE.md, rule 8). Go:
//! netpoll.go pollCache.

use std::sync::PoisonError;
use std::sync::atomic::AtomicPtr;
use std::sync::atomic::Ordering::{Acquire, Release};

use allocator_api2::alloc::System;
use allocator_api2::vec::Vec;

use super::PollDesc;
use crate::sync::StaticMutex;

/// log2 of the size of the first chunk; each further one is twice as large.
const FIRST_BITS: u32 = 6;
/// Chunks until an index has 31 bits: more descriptors than a kernel has fds.
const CHUNKS: usize = 25;

/// Which descriptor, and which of its users: what is registered with the kernel and comes back with an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Key {
    pub(crate) index: u32,
    pub(crate) seq: u32,
}

impl Key {
    /// Larger than any key: the tokens from here on are the poller's own.
    pub(crate) const LIMIT: usize = (u32::MAX as usize) << 32;

    pub(crate) fn token(self) -> mio::Token {
        mio::Token((self.index as usize) << 32 | self.seq as usize)
    }

    pub(crate) fn from_token(token: mio::Token) -> Key {
        Key {
            index: (token.0 >> 32) as u32,
            seq: token.0 as u32,
        }
    }
}

/// All descriptors.
#[derive(Debug)]
pub(crate) struct Slab {
    /// Set once each, under the lock, and read by anyone.
    chunks: [AtomicPtr<PollDesc>; CHUNKS],
    free: StaticMutex<Free>,
}

#[derive(Debug)]
struct Free {
    /// The last one back is the first one out: it is in cache.
    list: Vec<u32, System>,
    chunks: usize,
}

impl Slab {
    pub(crate) const fn new() -> Self {
        Slab {
            chunks: [const { AtomicPtr::new(std::ptr::null_mut()) }; CHUNKS],
            free: StaticMutex::new(Free {
                list: Vec::new_in(System),
                chunks: 0,
            }),
        }
    }

    /// Takes a descriptor, both sides of which start out as told.
    ///
    /// # Panics
    /// If there are 2^31 of them.
    pub(crate) fn open(&'static self, read_ready: bool, write_ready: bool) -> (Key, &'static PollDesc) {
        let index = self.take();
        let desc = self
            .get(index)
            .expect("an index in the free list is of a chunk that exists");
        desc.read.open(read_ready);
        desc.write.open(write_ready);
        (
            Key {
                index,
                seq: desc.read.seen().seq(),
            },
            desc,
        )
    }

    /// Returns a descriptor: from here on events for `key` are stale.
    pub(crate) fn close(&'static self, key: Key) {
        if let Some(desc) = self.get(key.index) {
            desc.read.close();
            desc.write.close();
            self.free
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .list
                .push(key.index);
        }
    }

    /// The descriptor with this index. No lock.
    pub(crate) fn get(&'static self, index: u32) -> Option<&'static PollDesc> {
        let (chunk, offset) = place(index);
        let start = self.chunks.get(chunk)?.load(Acquire);
        if start.is_null() {
            return None;
        }
        // SAFETY: a chunk is never freed, is full of descriptors before it is published with Release, and
        // `place` keeps the offset below its length.
        Some(unsafe { &*start.add(offset) })
    }

    /// Every descriptor there ever was.
    pub(crate) fn iter(&'static self) -> impl Iterator<Item = &'static PollDesc> {
        (0..).map_while(|index| self.get(index))
    }

    fn take(&self) -> u32 {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        if free.list.is_empty() {
            self.grow(&mut free);
        }
        free.list.pop().expect("a grown free list has something to give")
    }

    fn grow(&self, free: &mut Free) {
        let chunk = free.chunks;
        assert!(chunk < CHUNKS, "too many fds");
        let len = chunk_len(chunk);
        let mut descs = Vec::with_capacity_in(len, System);
        descs.resize_with(len, PollDesc::new);
        // All indices fit from here on: `close` never allocates.
        let total = first_index(chunk) + len;
        let more = total - free.list.len();
        free.list.reserve(more);
        let start: &'static mut [PollDesc] = Vec::leak(descs);
        self.chunks[chunk].store(start.as_mut_ptr(), Release);
        free.chunks += 1;
        free.list
            .extend((first_index(chunk)..total).rev().map(|index| index as u32));
    }
}

fn chunk_len(chunk: usize) -> usize {
    1 << (FIRST_BITS as usize + chunk)
}

fn first_index(chunk: usize) -> usize {
    chunk_len(chunk) - chunk_len(0)
}

fn place(index: u32) -> (usize, usize) {
    let shifted = u64::from(index) + (1 << FIRST_BITS);
    let chunk = (shifted.ilog2() - FIRST_BITS) as usize;
    (chunk, index as usize - first_index(chunk))
}
