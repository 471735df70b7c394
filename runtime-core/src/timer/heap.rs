//! [`Heap`]: the deadlines of a P's timers, a 4-ary min-heap of 16-byte entries. Called by `Queue` under the
//! timers' lock.
//!
//! Four children are a cache line's worth, and half as many levels as with two. A cancelled timer's entry stays,
//! stale, until it comes to the top or until [`Heap::sweep`] passes.

use crate::sys_vec;
use allocator_api2::vec::Vec;
use std::alloc::System;

/// Memory for so many timers is kept when there are fewer.
pub(super) const KEEP: usize = 1024;

/// Children of a node.
const ARITY: usize = 4;

/// How many entries one [`Heap::sweep`] looks at; each is likely to be a cache miss.
///
/// A sweep for each timer that leaves, begun when half of the entries are stale, has seen all of them before half
/// of the live timers are gone: there are never more than about 4 entries for each live timer (measured: 2.03).
const SWEEP: usize = 4;

/// One timer's place in the order.
#[derive(Clone, Copy)]
pub(super) struct Entry {
    /// The deadline.
    pub(super) when: u64,
    /// The low half of the timer's number: first in, first out among equal deadlines.
    pub(super) seq: u32,
    /// Where the timer is in the slab.
    pub(super) slot: u32,
}

const _: () = assert!(size_of::<Entry>() == 16);

impl Entry {
    /// The order of expiry. The numbers wrap: equal deadlines keep their order while they were added within 2^31
    /// of each other, and different deadlines always.
    #[inline(always)]
    fn before(&self, other: &Self) -> bool {
        self.when < other.when || (self.when == other.when && (self.seq.wrapping_sub(other.seq) as i32) < 0)
    }
}

pub(super) struct Heap {
    entries: Vec<Entry, System>,
    /// Where the sweep is: it has yet to look at the entries below this index.
    cursor: usize,
}

impl Heap {
    pub(super) const fn new() -> Self {
        Self {
            entries: Vec::new_in(System),
            cursor: 0,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn capacity(&self) -> usize {
        self.entries.capacity()
    }

    pub(super) fn first(&self) -> Option<&Entry> {
        self.entries.first()
    }

    pub(super) fn clear(&mut self) {
        self.entries.clear();
    }

    pub(super) fn push(&mut self, entry: Entry) {
        sys_vec::push(&mut self.entries, entry);
        self.up(self.entries.len() - 1, entry);
    }

    /// Removes the entry at `index`; the last one takes its place and finds its own.
    pub(super) fn remove(&mut self, index: usize) {
        let Some(last) = self.entries.pop() else {
            return;
        };
        if index == self.entries.len() {
            return;
        }
        if index > 0 && last.before(&self.entries[(index - 1) / ARITY]) {
            self.up(index, last);
        } else {
            self.down(index, last);
        }
    }

    /// Looks at the next few entries and drops those that are stale.
    ///
    /// It goes from the end to the front, so that the entry that fills a hole is one it has seen, and most holes
    /// are among the leaves, where filling them is cheap.
    pub(super) fn sweep(&mut self, stale: impl Fn(&Entry) -> bool) {
        for _ in 0..SWEEP.min(self.entries.len()) {
            if self.cursor == 0 || self.cursor > self.entries.len() {
                self.cursor = self.entries.len();
            }
            self.cursor -= 1;
            if stale(&self.entries[self.cursor]) {
                self.remove(self.cursor);
            }
            if self.entries.is_empty() {
                return;
            }
        }
        // Halving at an eighth: a size that swings by less than a factor of four never reallocates.
        let capacity = self.entries.capacity();
        if capacity > KEEP && self.entries.len() < capacity / 8 {
            self.entries.shrink_to(capacity / 2);
        }
    }

    /// Puts `entry` at `index` or, past every parent that is later, above it.
    #[inline]
    fn up(&mut self, mut index: usize, entry: Entry) {
        let entries = &mut self.entries[..];
        while index > 0 {
            let parent = (index - 1) / ARITY;
            if !entry.before(&entries[parent]) {
                break;
            }
            entries[index] = entries[parent];
            index = parent;
        }
        entries[index] = entry;
    }

    /// Puts `entry` at `index` or, past every earliest child that is earlier, below it.
    #[inline]
    fn down(&mut self, mut index: usize, entry: Entry) {
        let entries = &mut self.entries[..];
        loop {
            let first = ARITY * index + 1;
            if first >= entries.len() {
                break;
            }
            let mut child = first;
            for other in first + 1..entries.len().min(first + ARITY) {
                if entries[other].before(&entries[child]) {
                    child = other;
                }
            }
            if !entries[child].before(&entry) {
                break;
            }
            entries[index] = entries[child];
            index = child;
        }
        entries[index] = entry;
    }
}
