//! Models of `RunQueue` under loom, see ci/loom.sh. The file itself is compiled here; its ring holds 4.
//!
//! Items are loom cells that their maker writes and their finder reads: loom reports an item that is found
//! without being published.
#![cfg(loom)]
#![allow(
    dead_code,
    unreachable_pub,
    reason = "the models use a part of what they include"
)]

#[path = "loom/atomic.rs"]
mod atomic;
#[path = "loom/model.rs"]
mod model;

#[path = "../src/queue/runq.rs"]
mod runq;

use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::thread;
use model::model;
use runq::RunQueue;

type Item = UnsafeCell<u32>;

/// Leaked: a model makes few.
fn item(number: u32) -> *mut Item {
    Box::into_raw(Box::new(UnsafeCell::new(number)))
}

fn read(item: *mut Item) -> u32 {
    // SAFETY: it was leaked; loom checks the access.
    unsafe { (*item).with(|number| *number) }
}

/// The P whose queue it is; every method is called on the owner's thread.
struct Owner {
    queue: Arc<RunQueue<Item>>,
    overflowed: Vec<u32>,
}

impl Owner {
    fn new() -> Owner {
        Owner {
            queue: Arc::new(RunQueue::new()),
            overflowed: Vec::new(),
        }
    }

    fn put(&mut self, number: u32) {
        let overflowed = &mut self.overflowed;
        // SAFETY: the owner.
        unsafe {
            self.queue
                .put(item(number), |batch| overflowed.extend(batch.map(read)));
        }
    }

    fn put_next(&mut self, number: u32) {
        // SAFETY: the owner.
        if let Some(kicked) = unsafe { self.queue.put_next(item(number)) } {
            let overflowed = &mut self.overflowed;
            // SAFETY: the owner.
            unsafe { self.queue.put(kicked, |batch| overflowed.extend(batch.map(read))) };
        }
    }

    fn get(&self) -> Option<u32> {
        // SAFETY: the owner.
        unsafe { self.queue.get() }.map(read)
    }

    fn get_next(&self) -> Option<u32> {
        // SAFETY: the owner.
        unsafe { self.queue.get_next() }.map(read)
    }

    /// All that is left, `runnext` first.
    fn drain(&self) -> Vec<u32> {
        let mut found = Vec::from_iter(self.get_next());
        found.extend(std::iter::from_fn(|| self.get()));
        found
    }

    /// A thread that steals `times`, then empties its own queue.
    fn thief(&self, times: usize, take_next: bool) -> thread::JoinHandle<Vec<u32>> {
        let victim = Arc::clone(&self.queue);
        thread::spawn(move || {
            let own = Owner::new();
            let mut found = Vec::new();
            for _ in 0..times {
                // SAFETY: this thread owns `own`, whose ring is empty: it is drained below.
                found.extend(unsafe { victim.steal_into(&own.queue, take_next) }.map(read));
                found.extend(own.drain());
            }
            found
        })
    }

    /// Each of 1 to `n` was found once, by the owner (`found`), a thief or the overflow.
    fn check(
        &self,
        n: u32,
        mut found: Vec<u32>,
        thieves: impl IntoIterator<Item = thread::JoinHandle<Vec<u32>>>,
    ) {
        for thief in thieves {
            found.extend(thief.join().unwrap());
        }
        found.extend(self.drain());
        assert!(self.queue.is_empty());
        found.extend(&self.overflowed);
        found.sort_unstable();
        assert_eq!(found, Vec::from_iter(1..=n));
    }
}

#[test]
fn a_thief_while_the_owner_puts_and_gets() {
    model(4, || {
        let mut owner = Owner::new();
        owner.put(1);
        owner.put(2);
        let thief = owner.thief(1, false);
        let mut found = Vec::from_iter(owner.get());
        owner.put(3);
        found.extend(owner.get());
        owner.check(3, found, [thief]);
    });
}

/// The ring goes round: the owner writes the slots that the thief has just read.
#[test]
fn slots_are_used_again() {
    model(4, || {
        let mut owner = Owner::new();
        for number in 1..=4 {
            owner.put(number);
        }
        let thief = owner.thief(1, false);
        let mut found = Vec::from_iter(owner.get());
        owner.put(5);
        found.extend(owner.get());
        owner.put(6);
        owner.check(6, found, [thief]);
    });
}

#[test]
fn a_full_ring_overflows_while_a_thief_steals() {
    model(4, || {
        let mut owner = Owner::new();
        for number in 1..=4 {
            owner.put(number);
        }
        let thief = owner.thief(1, false);
        owner.put(5);
        owner.put(6);
        owner.check(6, Vec::new(), [thief]);
    });
}

#[test]
fn two_thieves() {
    model(3, || {
        let mut owner = Owner::new();
        for number in 1..=3 {
            owner.put(number);
        }
        let thieves = [owner.thief(1, false), owner.thief(1, false)];
        owner.put(4);
        let found = Vec::from_iter(owner.get());
        owner.check(4, found, thieves);
    });
}

#[test]
fn runnext_is_taken_once() {
    model(3, || {
        let mut owner = Owner::new();
        owner.put_next(1);
        let thief = owner.thief(1, true);
        owner.put_next(2);
        let found = Vec::from_iter(owner.get_next());
        owner.put_next(3);
        owner.check(3, found, [thief]);
    });
}

#[test]
fn two_thieves_and_runnext() {
    model(3, || {
        let mut owner = Owner::new();
        owner.put_next(1);
        let thieves = [owner.thief(1, true), owner.thief(1, true)];
        owner.put_next(2);
        let found = Vec::from_iter(owner.get_next());
        owner.check(2, found, thieves);
    });
}

/// A G that is kicked out of `runnext` is in the ring before anyone can find both empty: `is_empty` misses nothing.
#[test]
fn a_queue_with_something_in_it_never_looks_empty() {
    model(3, || {
        let mut owner = Owner::new();
        owner.put_next(1);
        let queue = Arc::clone(&owner.queue);
        let looker = thread::spawn(move || assert!(!queue.is_empty()));
        owner.put_next(2);
        looker.join().unwrap();
        owner.check(2, Vec::new(), []);
    });
}
