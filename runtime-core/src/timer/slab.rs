//! [`Slab`]: where the wakers of a P's timers live. Called by `Queue` under the timers' lock.
//!
//! It clones and drops no waker: it takes them in and hands them out (rule 8).

use super::heap::Entry;
use crate::sys_vec;
use allocator_api2::vec::Vec;
use std::alloc::System;
use std::task::Waker;

/// The end of the free list. An index that is never given out: see [`Slab::insert`].
const NONE: u32 = u32::MAX;

/// 32 bytes: the waker's vtable pointer is never null, so the tag costs nothing.
enum Slot {
    Free {
        next: u32,
    },
    /// `seq` is the timer's number, never given twice: it is what makes a stale key harmless.
    Armed {
        seq: u64,
        when: u64,
        waker: Waker,
    },
}

const _: () = assert!(size_of::<Slot>() == 32);

pub(super) struct Slab {
    slots: Vec<Slot, System>,
    /// The head of the list of free slots.
    free: u32,
}

impl Slab {
    pub(super) const fn new() -> Self {
        Self {
            slots: Vec::new_in(System),
            free: NONE,
        }
    }

    /// Puts a timer into a slot and returns its index.
    pub(super) fn insert(&mut self, seq: u64, when: u64, waker: Waker) -> u32 {
        let armed = Slot::Armed { seq, when, waker };
        if self.free == NONE {
            let slot = u32::try_from(self.slots.len()).ok().filter(|&slot| slot != NONE);
            let slot = slot.expect("fewer than 2^32 - 1 timers on one P");
            sys_vec::push(&mut self.slots, armed);
            return slot;
        }
        let slot = self.free;
        let Slot::Free { next } = std::mem::replace(&mut self.slots[slot as usize], armed) else {
            unreachable!("the free list holds free slots only");
        };
        self.free = next;
        slot
    }

    /// The waker of timer `seq`, if it is still in `slot`.
    pub(super) fn waker(&mut self, slot: u32, seq: u64) -> Option<&mut Waker> {
        match self.slots.get_mut(slot as usize) {
            Some(Slot::Armed { seq: its, waker, .. }) if *its == seq => Some(waker),
            _ => None,
        }
    }

    /// Takes timer `seq` out of `slot`, if it is still there.
    pub(super) fn remove(&mut self, slot: u32, seq: u64) -> Option<Waker> {
        self.waker(slot, seq)?;
        Some(self.free(slot))
    }

    /// Takes out the timer that `entry` stands for, unless the entry is stale.
    pub(super) fn take(&mut self, entry: &Entry) -> Option<Waker> {
        self.holds(entry).then(|| self.free(entry.slot))
    }

    /// Whether the timer that `entry` stands for is still here. False: the entry is stale.
    ///
    /// An entry has only the low half of the number. Should an old entry outlive 2^32 adds and then find a
    /// timer in its slot with the same half *and* the same deadline, it stands for that timer equally well.
    #[inline]
    pub(super) fn holds(&self, entry: &Entry) -> bool {
        matches!(&self.slots[entry.slot as usize], Slot::Armed { seq, when, .. }
            if *seq as u32 == entry.seq && *when == entry.when)
    }

    /// Takes an armed slot's contents and puts the slot on the free list.
    fn free(&mut self, slot: u32) -> Waker {
        let free = Slot::Free { next: self.free };
        let Slot::Armed { waker, .. } = std::mem::replace(&mut self.slots[slot as usize], free) else {
            unreachable!("checked by the callers to be armed");
        };
        self.free = slot;
        waker
    }

    /// How many slots there is memory for.
    pub(super) fn capacity(&self) -> usize {
        self.slots.capacity()
    }
}
