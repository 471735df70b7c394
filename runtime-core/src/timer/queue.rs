//! [`Queue`]: the heap and the slab of one P's timers and what keeps them in step. `Timers` has it under its lock.
//!
//! Every timer is in the slab and has one entry in the heap. Cancelling frees the slot at once and leaves the
//! entry behind, stale. No waker is cloned or dropped here (rule 8).

use super::Key;
use super::heap::{Entry, Heap, KEEP};
use super::slab::Slab;
use std::task::Waker;

/// So many stale entries are not worth a sweep.
pub(super) const SLACK: usize = 64;

pub(super) struct Queue {
    heap: Heap,
    slab: Slab,
    /// How many timers were ever added: the number of the last one.
    added: u64,
    /// How many timers are in the slab.
    live: usize,
}

/// What [`Queue::pop`] found at the top.
#[must_use]
pub(super) enum Popped {
    /// A timer that is due; it is gone now.
    Due(Waker),
    /// A cancelled timer's entry, dropped.
    Stale,
    /// Nothing that is due.
    Nothing,
}

/// Memory that is to be freed after the lock.
#[must_use = "it is to be dropped after the lock"]
pub(super) struct Spare {
    _memory: (Heap, Slab),
}

impl Queue {
    pub(super) const fn new() -> Self {
        Self {
            heap: Heap::new(),
            slab: Slab::new(),
            added: 0,
            live: 0,
        }
    }

    pub(super) fn live(&self) -> usize {
        self.live
    }

    /// The deadline at the top, whose timer may be cancelled; `u64::MAX` if there is none.
    pub(super) fn first_when(&self) -> u64 {
        self.heap.first().map_or(u64::MAX, |entry| entry.when)
    }

    pub(super) fn add(&mut self, when: u64, waker: Waker) -> Key {
        self.added += 1;
        let seq = self.added;
        let slot = self.slab.insert(seq, when, waker);
        self.live += 1;
        self.heap.push(Entry {
            when,
            seq: seq as u32,
            slot,
        });
        Key { slot, seq }
    }

    pub(super) fn waker(&mut self, key: Key) -> Option<&mut Waker> {
        self.slab.waker(key.slot, key.seq)
    }

    pub(super) fn cancel(&mut self, key: Key) -> Option<Waker> {
        let waker = self.slab.remove(key.slot, key.seq)?;
        self.left();
        Some(waker)
    }

    /// Drops the top entry if it is stale or due.
    pub(super) fn pop(&mut self, now: u64) -> Popped {
        let Some(&entry) = self.heap.first() else {
            return Popped::Nothing;
        };
        if entry.when > now {
            return Popped::Nothing;
        }
        self.heap.remove(0);
        match self.slab.take(&entry) {
            Some(waker) => {
                self.left();
                Popped::Due(waker)
            }
            None => Popped::Stale,
        }
    }

    /// Drops the top entry if it is stale, due or not. False: it is not.
    pub(super) fn pop_stale(&mut self) -> bool {
        let stale = self.heap.first().is_some_and(|entry| !self.slab.holds(entry));
        if stale {
            self.heap.remove(0);
        }
        stale
    }

    /// A timer has left the slab.
    fn left(&mut self) {
        self.live -= 1;
        if self.heap.len() > 2 * self.live + SLACK {
            self.heap.sweep(|entry| !self.slab.holds(entry));
        }
    }

    /// Once no timer is left: forgets the stale entries and hands out what memory is not worth keeping.
    pub(super) fn reset(&mut self) -> Option<Spare> {
        if self.live > 0 {
            return None;
        }
        if self.slab.capacity().max(self.heap.capacity()) <= KEEP {
            self.heap.clear();
            return None;
        }
        let heap = std::mem::replace(&mut self.heap, Heap::new());
        let slab = std::mem::replace(&mut self.slab, Slab::new());
        Some(Spare {
            _memory: (heap, slab),
        })
    }

    /// How many timers the memory is for: entries, slots.
    #[cfg(test)]
    pub(super) fn capacity(&self) -> (usize, usize) {
        (self.heap.capacity(), self.slab.capacity())
    }

    #[cfg(test)]
    pub(super) fn entries(&self) -> usize {
        self.heap.len()
    }
}
