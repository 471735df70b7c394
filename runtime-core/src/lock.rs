//! [`Lock`]: the runtime's mutex. Every lock under g0 is one; its rank says what may be held when it is taken.
//!
//! Held for a few instructions and never across a stack switch, a user's waker or a call of the global
//! allocator (rule 8). A build with debug assertions panics on a lock taken out of order, naming both
//! (Go: lockrank.go); a release build checks nothing.

use std::cell::Cell;
use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::{MutexGuard, PoisonError, TryLockError};

use crate::sanitize::Mutex;

/// The order in which a thread may take locks: each only while all those it holds are of lower rank.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Rank {
    /// Held by whoever walks through all Gs, for as long.
    Walk,
    /// Held by whoever stops the world, for as long.
    World,
    /// The scheduler's: global queue, idle Ps and Ms.
    Sched,
    /// The goroutines that placement gave to one M.
    Starts,
    /// The list of all Gs.
    AllGs,
    /// The timers of one P. Two Ps' are never held together.
    Timers,
    /// Stack arenas and free lists.
    Stacks,
    /// Foreign wakers that wait for a system G.
    Deferred,
    /// The pool of blocking threads.
    Blocking,
}

const RANKS: [Rank; 9] = [
    Rank::Walk,
    Rank::World,
    Rank::Sched,
    Rank::Starts,
    Rank::AllGs,
    Rank::Timers,
    Rank::Stacks,
    Rank::Deferred,
    Rank::Blocking,
];

thread_local! {
    /// One bit for each rank that this thread holds; debug builds only.
    static HELD: Cell<u32> = const { Cell::new(0) };
}

/// A mutex with a [`Rank`]. It does not poison: what it guards is whole whenever it is unlocked.
pub struct Lock<T> {
    mutex: Mutex<T>,
    rank: Rank,
}

impl<T> Lock<T> {
    /// An open lock.
    pub const fn new(rank: Rank, value: T) -> Self {
        Self {
            mutex: Mutex::new(value),
            rank,
        }
    }

    /// Waits until the lock is free and takes it.
    ///
    /// # Panics
    /// In debug builds, if this thread holds a lock of the same or a higher rank.
    #[track_caller]
    pub fn lock(&self) -> Guard<'_, T> {
        let held = Held::in_order(self.rank);
        Guard {
            value: self.mutex.lock().unwrap_or_else(PoisonError::into_inner),
            _held: held,
        }
    }

    /// Takes the lock if it is free. It cannot deadlock, so any rank may be held.
    pub fn try_lock(&self) -> Option<Guard<'_, T>> {
        let value = match self.mutex.try_lock() {
            Ok(value) => value,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return None,
        };
        Some(Guard {
            value,
            _held: Held::new(self.rank),
        })
    }
}

impl<T> fmt::Debug for Lock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lock")
            .field("rank", &self.rank)
            .finish_non_exhaustive()
    }
}

/// A taken [`Lock`]; dropping it opens the lock.
#[must_use = "the lock opens when the guard is dropped"]
pub struct Guard<'a, T> {
    // Dropped in this order: the rank is held for as long as the mutex is.
    value: MutexGuard<'a, T>,
    _held: Held,
}

impl<T> Deref for Guard<'_, T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T> DerefMut for Guard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.value
    }
}

impl<T: fmt::Debug> fmt::Debug for Guard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

/// The bit that a guard set in [`HELD`]: 0 if it was set already (`try_lock` of a rank that is held).
struct Held(u32);

impl Held {
    #[track_caller]
    fn in_order(rank: Rank) -> Self {
        if cfg!(debug_assertions) {
            let bit = 1 << rank as u32;
            // Greater than all ranks held exactly if no bit at or above this one is set.
            let above = HELD.get() & !(bit - 1);
            if above != 0 {
                let highest = RANKS[above.ilog2() as usize];
                panic!("lock order: {rank:?} taken while {highest:?} is held");
            }
        }
        Self::new(rank)
    }

    fn new(rank: Rank) -> Self {
        if !cfg!(debug_assertions) {
            return Self(0);
        }
        let bit = (1 << rank as u32) & !HELD.get();
        HELD.set(HELD.get() | bit);
        Self(bit)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if cfg!(debug_assertions) {
            HELD.set(HELD.get() & !self.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::panic::{AssertUnwindSafe, catch_unwind};

    fn message_of(f: impl FnOnce()) -> String {
        let payload = catch_unwind(AssertUnwindSafe(f)).expect_err("it must panic");
        payload
            .downcast_ref::<String>()
            .expect("a formatted message")
            .clone()
    }

    #[test]
    fn ranks_are_listed_by_their_bits() {
        for (bit, rank) in RANKS.into_iter().enumerate() {
            assert_eq!(bit, rank as usize);
        }
    }

    #[test]
    fn upwards_is_allowed_in_any_order_of_release() {
        let (sched, timers, poll) = (
            Lock::new(Rank::Sched, 1),
            Lock::new(Rank::Timers, 2),
            Lock::new(Rank::Deferred, 3),
        );
        let a = sched.lock();
        let b = timers.lock();
        drop(a);
        let c = poll.lock();
        drop(b);
        assert_eq!(*c, 3);
        drop(c);
        assert_eq!(HELD.get(), 0);
        *sched.lock() += 1;
        assert_eq!(*sched.lock(), 2);
    }

    #[cfg(debug_assertions)]
    #[test]
    fn downwards_and_sideways_panic_with_both_names() {
        let (sched, timers, stacks) = (
            Lock::new(Rank::Sched, ()),
            Lock::new(Rank::Timers, ()),
            Lock::new(Rank::Stacks, ()),
        );
        let also_timers = Lock::new(Rank::Timers, ());
        let held = timers.lock();
        assert_eq!(
            message_of(|| drop(sched.lock())),
            "lock order: Sched taken while Timers is held"
        );
        assert_eq!(
            message_of(|| drop(also_timers.lock())),
            "lock order: Timers taken while Timers is held"
        );
        let higher = stacks.lock();
        assert_eq!(
            message_of(|| drop(sched.lock())),
            "lock order: Sched taken while Stacks is held"
        );
        drop((held, higher));
        drop(sched.lock());
        assert_eq!(HELD.get(), 0, "a refused lock leaves no bit behind");
    }

    #[test]
    fn try_lock_ignores_the_order_but_counts_as_held() {
        let (sched, timers, also_timers) = (
            Lock::new(Rank::Sched, ()),
            Lock::new(Rank::Timers, ()),
            Lock::new(Rank::Timers, ()),
        );
        let a = timers.lock();
        let b = sched.try_lock().expect("free");
        assert!(sched.try_lock().is_none());
        let c = also_timers.try_lock().expect("free");
        drop(c);
        if cfg!(debug_assertions) {
            assert_eq!(HELD.get(), 1 << Rank::Sched as u32 | 1 << Rank::Timers as u32);
        }
        drop((a, b));
        assert_eq!(HELD.get(), 0);
    }

    #[test]
    fn a_panic_under_the_lock_does_not_poison_it() {
        let lock = Lock::new(Rank::Sched, 7);
        message_of(|| {
            let _guard = lock.lock();
            panic!("{}", "while it is held");
        });
        assert_eq!(HELD.get(), 0);
        assert_eq!(*lock.lock(), 7);
        assert_eq!(*lock.try_lock().expect("free"), 7);
    }
}
