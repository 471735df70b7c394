//! [`Timers`]: the timers of one P. Any thread adds and cancels; any M runs them, those of other Ps when it steals.
//!
//! A timer is a deadline, in nanoseconds of `CLOCK_MONOTONIC` and never rounded, and a waker. The lock is held for
//! a bounded number of steps, and no waker is called, cloned or dropped under it (rule 8); what grows
//! under it comes from `std::alloc::System`.
//!
//! ```text
//!   heap of (when, seq, slot)          slab
//!   16 bytes each                      32 bytes a slot
//!            [10,#7,2]                 0: free -> 1
//!          /     |     \               1: free
//!   [12,#5,0] [11,#8,3] ...            2: #7 at 10, waker
//!    stale: slot 0 has no #5           3: #8 at 11, waker
//! ```
//!
//! # Heap or wheel
//!
//! Measured in one thread without the lock, for a 4-ary heap and for a hierarchical wheel of 8 levels of 64 lists
//! that keeps deadlines exact by a small heap under its hand (medians of 5, ns an operation, 2 cores):
//!
//! | 1,000,000 timers unless said otherwise | heap | wheel |
//! |---|---:|---:|
//! | insert, random deadlines within 60 s | 33 | 28 |
//! | expire them, a call each millisecond | 266 | 255 |
//! | cancel them in random order | 58 | 31 |
//! | server: insert 30 s, cancel a random one; 1,000 live | 27 | 14 |
//! | the same, 100,000 live | 61 | 56 |
//! | the same, 1,000,000 live | 121 | 136 |
//! | insert 5 s, cancel 100 inserts later; 1,000 long ones | 17 | 9 |
//! | insert 1 to 2 ms, expire; 1,000 live | 74 | 64 |
//! | longest stretch under the lock | 4 removals | 9 ms (a list moves down a level) |
//!
//! The wheel is no clear winner, wakes an idle M at each level that a far deadline falls through, and stalls the P
//! when it does. Rebuilding the heap when more than half is stale would save 5 to 25 ns a cancel, but then one of
//! them takes 26 ms: so each cancel beyond that point looks at 4 entries instead. As built the lock adds about 10 ns
//! a call. What is left of pauses is `realloc`: at a million timers half a millisecond where the pages can be
//! remapped, 11 ms where malloc must copy; and the thread that takes the last of a million out frees their memory,
//! which takes it 5 ms, outside the lock.

mod heap;
mod queue;
mod slab;
#[cfg(test)]
mod tests;

use crate::lock::{Guard, Lock, Rank};
use queue::{Popped, Queue};
use std::fmt;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::task::Waker;

/// How many wakers [`Timers::run`] takes out while it holds the lock: half a kilobyte of g0's stack.
const BATCH: usize = 32;

/// How many entries are dropped, stale ones too, while the lock is held.
const POPS: usize = 2 * BATCH;

/// How often [`Timers::earliest`] takes the lock to drop stale entries: it is about to sleep, but not to tarry.
const HOLDS: usize = 4;

/// The timers of one P.
///
/// An M that goes to sleep and a thread that adds a timer must not miss each other (rule 7):
///
/// ```text
///   adder: add (stores next_when); full fence; is somebody asleep, or blocked past `when`? wake it
///   M:     say that it sleeps;     full fence; read next_when again; block at most until then
/// ```
///
/// `add` has stored the minimum before it returns, so that one of the two sees the other. The fences are the
/// callers'; the accesses here are relaxed, since who reads a deadline that has come takes the lock.
pub struct Timers {
    queue: Lock<Queue>,
    /// The deadline at the top of the heap. Written under the lock.
    next: AtomicU64,
    /// How many timers are live. Written under the lock.
    len: AtomicUsize,
}

/// Names one timer, for ever: the number in it is never used again (at 10^9 adds a second for 584 years), so a
/// key whose timer has fired or was cancelled is harmless. It is for the [`Timers`] that gave it only.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Key {
    slot: u32,
    seq: u64,
}

impl Timers {
    /// None yet; allocates nothing.
    pub const fn new() -> Self {
        Self {
            queue: Lock::new(Rank::Timers, Queue::new()),
            next: AtomicU64::new(u64::MAX),
            len: AtomicUsize::new(0),
        }
    }

    /// Adds a timer that fires at `when`; at `u64::MAX`, never.
    ///
    /// True: it is now the earliest, and the caller must see to it that somebody wakes in time (see [`Timers`]).
    pub fn add(&self, when: u64, waker: Waker) -> (Key, bool) {
        let mut queue = self.queue.lock();
        let earliest = when < queue.first_when();
        let key = queue.add(when, waker);
        self.publish(&queue);
        (key, earliest)
    }

    /// Makes the timer wake `waker` instead. False: it has fired or was cancelled, and wakes whom it would have.
    pub fn update(&self, key: Key, waker: &Waker) -> bool {
        match self.queue.lock().waker(key) {
            Some(old) if old.will_wake(waker) => return true,
            Some(_) => {}
            None => return false,
        }
        let mut other = waker.clone();
        // The old waker or, if the timer has fired meanwhile, the clone is dropped after the lock.
        let mut queue = self.queue.lock();
        let found = queue
            .waker(key)
            .map(|old| std::mem::swap(old, &mut other))
            .is_some();
        drop(queue);
        found
    }

    /// Cancels the timer and returns its waker, for the caller to drop outside of all locks. O(1).
    ///
    /// None: it was cancelled, or has fired, or is about to: [`Timers::run`] has taken the waker out and calls it
    /// perhaps only after this has returned. Such a late wake is spurious and harmless.
    pub fn cancel(&self, key: Key) -> Option<Waker> {
        let mut queue = self.queue.lock();
        let waker = queue.cancel(key)?;
        self.release(queue);
        Some(waker)
    }

    /// The earliest deadline, or `u64::MAX` if there is none. One atomic load.
    ///
    /// Early while the earliest timer is cancelled and its entry not dropped yet; never late.
    pub fn next_when(&self) -> u64 {
        self.next.load(Relaxed)
    }

    /// As [`Timers::next_when`], but drops the entries of cancelled timers from the top first, so that an M that
    /// is about to block does not wake for them.
    ///
    /// It drops at most 256: the answer may then still be early.
    pub fn earliest(&self) -> u64 {
        for _ in 0..HOLDS {
            if self.next_when() == u64::MAX {
                break;
            }
            let mut queue = self.queue.lock();
            let done = (0..POPS).any(|_| !queue.pop_stale());
            self.publish(&queue);
            if done {
                break;
            }
        }
        self.next_when()
    }

    /// Passes the wakers of all timers due at `now` to `ready`, in the order of their deadlines and, among
    /// equals, of their adding. Returns [`Timers::next_when`].
    ///
    /// `ready` is called outside the lock and may use these timers; it must not panic, for the wakers already
    /// taken out would be lost. It is called at most once for each timer that was live at the start, so that
    /// timers added by it with deadlines in the past do not keep this going: the deadline returned is then past.
    /// When several Ms run the same timers, the order holds for the wakers that each of them gets.
    pub fn run(&self, now: u64, ready: &mut dyn FnMut(Waker)) -> u64 {
        if now < self.next_when() {
            return self.next_when();
        }
        let mut allowed = self.len();
        loop {
            let mut batch = [const { None }; BATCH];
            let more = self.take_due(now, &mut batch[..BATCH.min(allowed)]);
            for waker in batch.into_iter().flatten() {
                allowed -= 1;
                ready(waker);
            }
            if !more || allowed == 0 {
                return self.next_when();
            }
        }
    }

    /// How many timers are live.
    pub fn len(&self) -> usize {
        self.len.load(Relaxed)
    }

    /// Whether no timer is live.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Fills `batch` with the wakers that are due. False: no other is.
    fn take_due(&self, now: u64, batch: &mut [Option<Waker>]) -> bool {
        let mut places = batch.iter_mut();
        let mut queue = self.queue.lock();
        let mut more = true;
        for _ in 0..POPS {
            if places.len() == 0 {
                break;
            }
            match queue.pop(now) {
                Popped::Due(waker) => *places.next().expect("there is one left") = Some(waker),
                Popped::Stale => {}
                Popped::Nothing => {
                    more = false;
                    break;
                }
            }
        }
        self.release(queue);
        more
    }

    /// Opens the lock after timers have left.
    fn release(&self, mut queue: Guard<'_, Queue>) {
        let spare = queue.reset();
        self.publish(&queue);
        drop(queue);
        drop(spare);
    }

    /// Stores what is read without the lock.
    fn publish(&self, queue: &Queue) {
        self.next.store(queue.first_when(), Relaxed);
        self.len.store(queue.live(), Relaxed);
    }
}

impl Default for Timers {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Timers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Timers")
            .field("len", &self.len())
            .field("next_when", &self.next_when())
            .finish()
    }
}
