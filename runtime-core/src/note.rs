//! [`Note`]: one thread sleeps until another says so, once (Go: lock_futex.go note). What an M without work and a
//! foreign thread in `block_on` sleep on. It blocks the thread: a goroutine parks instead.
//!
//! ```text
//!            sleep                     wakeup
//!   CLEAR ----------> SLEEPING ------------------> SIGNALLED      futex_wake
//!     |  <----------                                 ^    |
//!     |   sleep_for: time is up                      |    |
//!     +----------------------------------------------+    |
//!     ^              wakeup: no system call               |
//!     +---------------------------------------------------+
//!                            clear
//! ```

use crate::atomic::{AtomicU32, Ordering};
use crate::sys::{futex_wait, futex_wake, nanotime};
use std::fmt;

/// Nothing has happened. Set by `new`, `clear` and a `sleep_for` whose time is up.
const CLEAR: u32 = 0;
/// `wakeup` was called. Stays until `clear`.
const SIGNALLED: u32 = 1;
/// The owner is in the kernel, or is about to be. Set by it alone, only while CLEAR.
const SLEEPING: u32 = 2;

/// A one-shot event that a single thread, its owner, waits for and any thread signals.
///
/// The owner clears the note, then lets others know that it is to be woken, then sleeps. A wakeup left over from
/// before the `clear` ends the next sleep early: whoever sleeps looks again at what it waits for.
pub struct Note {
    word: AtomicU32,
}

impl Note {
    /// A note that is clear.
    #[cfg(not(loom))]
    pub const fn new() -> Self {
        Self {
            word: AtomicU32::new(CLEAR),
        }
    }

    /// A note that is clear. Loom's atomics have no constant.
    #[cfg(loom)]
    pub fn new() -> Self {
        Self {
            word: AtomicU32::new(CLEAR),
        }
    }

    /// Makes the note ready for the next sleep. Only the owner calls it, while it does not sleep.
    ///
    /// Relaxed: a waker finds the sleeper through something that the owner publishes after this (a list of idle
    /// Ms, a waker), whose release and acquire order the two.
    pub fn clear(&self) {
        self.word.store(CLEAR, Ordering::Relaxed);
    }

    /// Ends the owner's sleep, or the next one. Calling it again before `clear` does nothing more.
    ///
    /// A system call only if the owner sleeps. The note must outlive this call, not merely the sleep: the owner
    /// may return before `futex_wake` is called.
    pub fn wakeup(&self) {
        // Release pairs with the acquires in `signalled`: what was written before the wakeup is seen by the one
        // who was woken. The swap continues an earlier wakeup's release sequence, so that both are.
        if self.word.swap(SIGNALLED, Ordering::Release) == SLEEPING {
            futex_wake(&self.word, 1);
        }
    }

    /// Sleeps until `wakeup` is called, or not at all if it was called since `clear`. The signal stays up.
    pub fn sleep(&self) {
        while !self.signalled() {
            futex_wait(&self.word, SLEEPING, None);
        }
    }

    /// Sleeps for at most `nanos` nanoseconds. True: `wakeup` was called.
    #[must_use]
    pub fn sleep_for(&self, nanos: u64) -> bool {
        let deadline = nanotime().saturating_add(nanos);
        let mut left = nanos;
        while !self.signalled() {
            if left == 0 {
                return self.give_up();
            }
            futex_wait(&self.word, SLEEPING, Some(left));
            left = deadline.saturating_sub(nanotime());
        }
        true
    }

    /// Whether the note is signalled. If not, it says that the owner sleeps, which makes it sleep in the kernel
    /// only while no wakeup has come: `futex_wait` compares the word under the kernel's lock.
    fn signalled(&self) -> bool {
        // Relaxed: SLEEPING tells nobody anything but to make the system call.
        // Acquire: see `wakeup`.
        let was = self
            .word
            .compare_exchange(CLEAR, SLEEPING, Ordering::Relaxed, Ordering::Acquire);
        was == Err(SIGNALLED)
    }

    /// Takes SLEEPING back, so that later wakeups spare the system call. True: a wakeup was faster.
    fn give_up(&self) -> bool {
        // Acquire: see `wakeup`.
        self.word
            .compare_exchange(SLEEPING, CLEAR, Ordering::Relaxed, Ordering::Acquire)
            .is_err()
    }
}

impl Default for Note {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match self.word.load(Ordering::Relaxed) {
            CLEAR => "clear",
            SIGNALLED => "signalled",
            _ => "sleeping",
        };
        f.debug_tuple("Note").field(&state).finish()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicU64;
    use std::sync::atomic::Ordering::Relaxed;
    use std::thread;

    const MILLI: u64 = 1_000_000;
    /// Longer than any test takes.
    const AGES: u64 = 60_000 * MILLI;

    #[test]
    fn a_wakeup_before_the_sleep_ends_it_at_once_and_stays() {
        let note = Note::new();
        note.wakeup();
        note.wakeup();
        note.sleep();
        note.sleep();
        assert!(note.sleep_for(0) && note.sleep_for(AGES));
        note.clear();
        assert!(!note.sleep_for(0));
    }

    #[test]
    fn the_time_is_up_neither_early_nor_signalled() {
        let note = Note::new();
        for nanos in [0, 1, 2 * MILLI] {
            let begun = nanotime();
            assert!(!note.sleep_for(nanos));
            assert!(nanotime() - begun >= nanos);
            assert_eq!(
                note.word.load(Relaxed),
                CLEAR,
                "later wakeups make no system call"
            );
        }
        note.wakeup();
        assert!(note.sleep_for(u64::MAX), "a deadline past the end of time is one");
    }

    fn woken(note: &Note) -> bool {
        note.sleep();
        true
    }

    #[test]
    fn a_sleeper_is_woken() {
        for timed in [false, true] {
            let note = Note::new();
            thread::scope(|scope| {
                let sleeper = scope.spawn(|| if timed { note.sleep_for(AGES) } else { woken(&note) });
                while note.word.load(Relaxed) != SLEEPING {
                    thread::yield_now();
                }
                note.wakeup();
                assert!(sleeper.join().expect("no panics"));
            });
        }
    }

    /// Two threads hand a number to and fro; each write is relaxed and ordered by the notes alone.
    #[test]
    fn ping_pong_loses_nothing() {
        const ROUNDS: u64 = 20_000;
        let (ping, pong, number) = (Note::new(), Note::new(), AtomicU64::new(0));
        thread::scope(|scope| {
            scope.spawn(|| {
                for round in 0..ROUNDS {
                    ping.sleep();
                    ping.clear();
                    assert_eq!(number.load(Relaxed), 2 * round + 1);
                    number.store(2 * round + 2, Relaxed);
                    pong.wakeup();
                }
            });
            for round in 0..ROUNDS {
                number.store(2 * round + 1, Relaxed);
                ping.wakeup();
                if round % 2 == 0 {
                    pong.sleep();
                } else {
                    assert!(pong.sleep_for(AGES));
                }
                pong.clear();
                assert_eq!(number.load(Relaxed), 2 * round + 2);
            }
        });
    }
}
