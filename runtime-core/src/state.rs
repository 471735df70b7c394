//! A G's state: one word, and every transition of it.
//!
//! Called by the scheduler, by wakers and by join handles; nothing else reads or writes the word.
//! A transition never runs user code and never blocks.
//!
//! ```text
//!            start                       complete
//!  RUNNABLE --------> RUNNING ---------------------------> DEAD
//!     ^  ^             |  ^ `-.                             |
//!     |  |             |  |    | yield_base,                | last handle dropped
//!     |  |             |  `----'   yield_mid_stack          | with an output: reap_output
//!     |  `-------------+  (queued, still RUNNING)           |
//!     |   idle (base), |                                    |
//!     |   park: woken  v idle, park                         |
//!     |             WAITING                                 |
//!     `----------------'  wake of the level it waits at;    |
//!     ^                   last reference dropped: reap      |
//!     `-----------------------------------------------------'
//! ```
//!
//! | bits | name | set | cannot be set |
//! |---|---|---|---|
//! | 0..16 | NOTIFIED(level) | a waker of that level fired since the level last began to poll | - |
//! | 16..20 | LEVEL | by `suspend`/`park`: the level that the G stopped at | read only when not RUNNING |
//! | 20..22 | STATUS | see the picture | - |
//! | 22 | LOCAL | at birth: the G never leaves its home M | later |
//! | 23 | SYSTEM | at birth: left out of dumps and counts | later |
//! | 24 | JOIN_INTEREST | at birth: a JoinHandle exists | once the handle is gone |
//! | 25 | JOIN_WAKER | by the handle: the waker slot is the G's to read | while the handle writes it |
//! | 26 | OUTPUT | by `complete`: an output lies in the cell | once taken or dropped |
//! | 27 | REAP | the G runs only to drop its body or output | while the future can still be polled |
//! | 28 | FRAMES | at the first park of a base: ready goes to the home M | at base |
//! | 29..32 | REASON | by `idle`: why the G waits, for dumps | read only when WAITING at base |
//! | 29 | URGENT | by `wake_soon`: what woke it while it ran was a timer or the network | read only when RUNNING |
//! | 32..64 | REFS | each waker, each handle, and the runtime while it runs, queues or has frames | 0 until freed |

use crate::atomic::{AtomicU64, Ordering};

const LEVEL_SHIFT: u32 = 16;
const LEVEL_MASK: u64 = 0xf << LEVEL_SHIFT;
pub(crate) const STATUS_SHIFT: u32 = 20;
const STATUS_MASK: u64 = 0b11 << STATUS_SHIFT;
const RUNNABLE: u64 = 0 << STATUS_SHIFT;
const RUNNING: u64 = 1 << STATUS_SHIFT;
const WAITING: u64 = 2 << STATUS_SHIFT;
const DEAD: u64 = 3 << STATUS_SHIFT;
const LOCAL: u64 = 1 << 22;
pub(crate) const SYSTEM: u64 = 1 << 23;
const JOIN_INTEREST: u64 = 1 << 24;
const JOIN_WAKER: u64 = 1 << 25;
const OUTPUT: u64 = 1 << 26;
const REAP: u64 = 1 << 27;
pub(crate) const FRAMES: u64 = 1 << 28;
pub(crate) const REASON_SHIFT: u32 = 29;
const MAX_REASON: u8 = 0b111;
const REASON_MASK: u64 = (MAX_REASON as u64) << REASON_SHIFT;
/// Shares REASON's place.
const URGENT: u64 = 1 << REASON_SHIFT;
const REF: u64 = 1 << 32;
const REFS_MASK: u64 = !(REF - 1);
/// Past so many references a leak is running away (Arc aborts at the same share of its range).
const MAX_REFS: u64 = (1 << 31) * REF;

/// The highest wait level with a waker of its own; deeper ones share it. Level 0 is a task's own poll.
pub const MAX_LEVEL: u8 = 15;

/// What a G is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// In a queue, or about to be.
    Runnable,
    /// On an M.
    Running,
    /// Until a waker of the level it waits at fires.
    Waiting,
    /// Its body has ended.
    Dead,
}

/// What a dump learns of the word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Glance {
    /// Running, too, while it has yielded and stands in a queue.
    pub status: Status,
    /// It has parked since it was last at base: it is pinned.
    pub has_frames: bool,
    /// What `idle` was told: only meaningful while it waits without frames.
    pub reason: u8,
}

/// What the M that took a runnable G has to do with it.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// No frames: give it a stack, run its body.
    Base,
    /// It has frames: resume them.
    Resume,
    /// Drop what is left of it, on a stack.
    Reap,
}

/// What the caller of a wake or of a reference drop has to do.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wake {
    /// Nothing.
    Nothing,
    /// Put the G into a queue; `pinned`: into its home M's own.
    Ready {
        /// Only the home M may run it.
        pinned: bool,
    },
    /// That was the last reference to a dead G: free the memory.
    Free,
}

/// How a base poll that returned Pending ended.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Idle {
    /// It waits; it may be running elsewhere already.
    Waiting,
    /// It was woken meanwhile: queue it.
    Requeue {
        /// Only the home M may run it.
        pinned: bool,
        /// By a timer or the network ([`State::wake_soon`]).
        urgent: bool,
    },
    /// No waker and no handle is left: nothing can ever run it. Drop it now.
    Reap,
}

/// How an attempt to park mid-stack ended.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Park {
    /// It waits.
    Waiting,
    /// Its level was woken since it began to poll: queue it on the home M.
    Notified,
}

/// How the end of a body was taken.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Complete {
    /// The G is dead.
    Dead {
        /// The waker slot is filled, and the G's: wake it.
        join_waker: bool,
    },
    /// It still runs: the handle is gone, so drop the output first, then complete without one.
    Unwanted,
}

/// How a handle's attempt on the waker slot ended.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JoinSlot {
    /// The handle's wish is done.
    Done,
    /// The G is complete: take the output.
    Complete,
}

/// What is left to do by a handle that is dropped.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JoinDropped {
    /// The waker slot is the handle's again: drop what is in it.
    pub drop_waker: bool,
    /// The output lies there and is the handle's to drop.
    pub drop_output: bool,
}

/// The word. Its owner is the G it lies in.
pub struct State(AtomicU64);

/// What a G is at birth.
#[derive(Clone, Copy, Debug, Default)]
pub struct Birth {
    /// It never leaves its home M.
    pub local: bool,
    /// Left out of dumps and counts.
    pub system: bool,
    /// A JoinHandle (and its reference) exists.
    pub handle: bool,
}

fn notified(level: u8) -> u64 {
    debug_assert!(level <= MAX_LEVEL);
    1 << level
}

fn is_pinned(word: u64) -> bool {
    word & (FRAMES | LOCAL) != 0
}

impl State {
    /// A runnable G with one reference for the runtime, and one for its handle.
    pub fn new(birth: Birth) -> State {
        let mut word = RUNNABLE | REF;
        if birth.local {
            word |= LOCAL;
        }
        if birth.system {
            word |= SYSTEM;
        }
        if birth.handle {
            word = (word | JOIN_INTEREST) + REF;
        }
        State(AtomicU64::new(word))
    }

    /// Applies `f` until it sticks. `f` says the next word and what the caller learns.
    ///
    /// AcqRel on success even if the word stays the same: a waker that finds its bit set still has to publish
    /// what it wrote before (a plain load would let the G poll without seeing it, and the wake-up is lost).
    #[inline]
    fn update<R>(&self, mut f: impl FnMut(u64) -> (u64, R)) -> R {
        let mut word = self.0.load(Ordering::Relaxed);
        loop {
            let (next, out) = f(word);
            match self
                .0
                .compare_exchange_weak(word, next, Ordering::AcqRel, Ordering::Relaxed)
            {
                Ok(_) => return out,
                Err(now) => word = now,
            }
        }
    }

    /// RUNNABLE -> RUNNING, by the M that took the G out of a queue. The notification that made it runnable is
    /// consumed here: whatever fires from now on is new.
    #[inline]
    pub fn start(&self) -> Start {
        // A G that yielded has stayed RUNNING. Nothing woke it: nothing to consume. A wake that this load misses stays
        // set, and the end of the poll sees it.
        let word = self.0.load(Ordering::Acquire);
        if word & STATUS_MASK == RUNNING && word & notified(level_of(word)) == 0 {
            return if word & FRAMES != 0 {
                Start::Resume
            } else {
                Start::Base
            };
        }
        self.update(|word| {
            debug_assert!(matches!(word & STATUS_MASK, RUNNABLE | RUNNING));
            let level = level_of(word);
            let next = (word & !(STATUS_MASK | REASON_MASK | notified(level))) | RUNNING;
            // FRAMES first: what is being dropped may wait, too.
            let start = if word & FRAMES != 0 {
                Start::Resume
            } else if word & REAP != 0 {
                Start::Reap
            } else {
                Start::Base
            };
            (next, start)
        })
    }

    /// A waker of `level` fired and keeps its reference.
    #[inline]
    pub fn wake_by_ref(&self, level: u8) -> Wake {
        self.update(|word| {
            let next = word | notified(level);
            if !waits_at(word, level) {
                return (next, Wake::Nothing);
            }
            let pinned = is_pinned(word);
            // With frames the G still holds the reference to itself; at base the queue needs one.
            let reference = if word & FRAMES != 0 { 0 } else { REF };
            (
                (next & !STATUS_MASK | RUNNABLE) + reference,
                Wake::Ready { pinned },
            )
        })
    }

    /// A waker of `level` fired and gives its reference up.
    #[inline]
    pub fn wake_by_val(&self, level: u8) -> Wake {
        self.wake_and_drop(level, 0)
    }

    /// As [`wake_by_val`](State::wake_by_val), by a timer or the network: a task that still runs learns of it when it goes
    /// idle.
    #[inline]
    pub fn wake_soon(&self, level: u8) -> Wake {
        self.wake_and_drop(level, if level == 0 { URGENT } else { 0 })
    }

    #[inline(always)]
    fn wake_and_drop(&self, level: u8, if_running: u64) -> Wake {
        self.update(|word| {
            let mut next = word | notified(level);
            if !waits_at(word, level) {
                if word & STATUS_MASK == RUNNING {
                    next |= if_running;
                }
                return dropped(next - REF);
            }
            let pinned = is_pinned(word);
            // At base the waker's reference becomes the queue's.
            let reference = if word & FRAMES != 0 { REF } else { 0 };
            (
                (next & !STATUS_MASK | RUNNABLE) - reference,
                Wake::Ready { pinned },
            )
        })
    }

    /// One more waker or handle.
    ///
    /// # Panics
    /// Never: a count that runs away aborts the process, as in `Arc`.
    #[inline]
    pub fn ref_inc(&self) {
        // Relaxed: whoever clones already has a reference, and hands the clone on by means that synchronise.
        let old = self.0.fetch_add(REF, Ordering::Relaxed);
        if old & REFS_MASK >= MAX_REFS {
            std::process::abort();
        }
    }

    /// One less. The last reference to a G that waits at base makes it runnable, to be dropped on a stack.
    #[inline]
    pub fn ref_dec(&self) -> Wake {
        self.update(|word| dropped(word - REF))
    }

    /// RUNNING -> WAITING or RUNNABLE: a base poll returned Pending. Gives the runtime's reference up if it waits.
    /// `reason`: why, for dumps; 0, the most general, stands for those beyond 7.
    #[inline]
    pub fn idle(&self, reason: u8) -> Idle {
        let reason = if reason <= MAX_REASON { reason } else { 0 };
        let reason = u64::from(reason) << REASON_SHIFT;
        self.update(|word| {
            debug_assert_eq!(word & STATUS_MASK, RUNNING);
            let base = word & !(STATUS_MASK | LEVEL_MASK | FRAMES | REASON_MASK) | reason;
            if word & notified(0) != 0 {
                (
                    base | RUNNABLE,
                    Idle::Requeue {
                        pinned: word & LOCAL != 0,
                        urgent: word & URGENT != 0,
                    },
                )
            } else if word & REFS_MASK == REF {
                (word, Idle::Reap)
            } else {
                ((base | WAITING) - REF, Idle::Waiting)
            }
        })
    }

    /// The poll asked to yield: the G is at base and goes into a queue without a wake-up. It stays RUNNING, which to
    /// wakers is the same as RUNNABLE, and is spared two locked operations. Says whether only the home M may run it.
    #[inline]
    pub fn yield_base(&self) -> bool {
        let word = self.0.load(Ordering::Relaxed);
        debug_assert_eq!(word & STATUS_MASK, RUNNING);
        if word & (LEVEL_MASK | FRAMES) != 0 {
            self.0.fetch_and(!(LEVEL_MASK | FRAMES), Ordering::AcqRel);
        }
        word & LOCAL != 0
    }

    /// RUNNING -> WAITING or RUNNABLE, mid-stack at `level`. The G keeps its reference to itself.
    #[inline]
    pub fn park(&self, level: u8) -> Park {
        self.update(|word| {
            debug_assert_eq!(word & STATUS_MASK, RUNNING);
            let next = (word & !(STATUS_MASK | LEVEL_MASK)) | (u64::from(level) << LEVEL_SHIFT) | FRAMES;
            if word & notified(level) != 0 {
                (next | RUNNABLE, Park::Notified)
            } else {
                (next | WAITING, Park::Waiting)
            }
        })
    }

    /// The wait at `level` asked to yield: as `yield_base`, but the G keeps its frames.
    #[inline]
    pub fn yield_mid_stack(&self, level: u8) {
        let at = (u64::from(level) << LEVEL_SHIFT) | FRAMES;
        let word = self.0.load(Ordering::Relaxed);
        debug_assert_eq!(word & STATUS_MASK, RUNNING);
        if word & (LEVEL_MASK | FRAMES) != at {
            self.update(|word| ((word & !LEVEL_MASK) | at, ()));
        }
    }

    /// Before the first poll of a wait: forgets what a stale waker of the same level left behind.
    #[inline]
    pub fn begin_level(&self, level: u8) {
        // A bit that is not set has nothing to acquire.
        if self.0.load(Ordering::Relaxed) & notified(level) != 0 {
            self.0.fetch_and(!notified(level), Ordering::AcqRel);
        }
    }

    /// A wait at the level that the deepest ones share has ended: outer waits of it may have been meant too.
    pub fn renotify(&self, level: u8) {
        self.0.fetch_or(notified(level), Ordering::AcqRel);
    }

    /// Whether a handle may still want the output. Once it does not, it never will.
    #[inline]
    pub fn has_handle(&self) -> bool {
        self.0.load(Ordering::Relaxed) & JOIN_INTEREST != 0
    }

    /// RUNNING -> DEAD: the body has ended. `output`: one lies in the cell. The runtime's reference stays.
    #[inline]
    pub fn complete(&self, output: bool) -> Complete {
        self.update(|word| {
            debug_assert_eq!(word & STATUS_MASK, RUNNING);
            if output && word & JOIN_INTEREST == 0 {
                return (word, Complete::Unwanted);
            }
            let next = (word & !(STATUS_MASK | FRAMES | REAP)) | DEAD | if output { OUTPUT } else { 0 };
            (
                next,
                Complete::Dead {
                    join_waker: word & JOIN_WAKER != 0,
                },
            )
        })
    }

    /// The handle wants the slot to write a waker: it must not be the G's meanwhile.
    pub fn join_unset_waker(&self) -> JoinSlot {
        self.update(|word| {
            if word & STATUS_MASK == DEAD {
                (word, JoinSlot::Complete)
            } else {
                (word & !JOIN_WAKER, JoinSlot::Done)
            }
        })
    }

    /// The handle has written the slot: it is the G's to read. Complete: it stays the handle's.
    pub fn join_set_waker(&self) -> JoinSlot {
        self.update(|word| {
            if word & STATUS_MASK == DEAD {
                (word, JoinSlot::Complete)
            } else {
                (word | JOIN_WAKER, JoinSlot::Done)
            }
        })
    }

    /// Whether the slot holds a waker that the handle gave away.
    pub fn has_join_waker(&self) -> bool {
        self.0.load(Ordering::Relaxed) & JOIN_WAKER != 0
    }

    /// Whether the body has ended and the output, if any, may be read (Acquire: pairs with `complete`).
    #[inline]
    pub fn is_complete(&self) -> bool {
        self.0.load(Ordering::Acquire) & STATUS_MASK == DEAD
    }

    /// The handle has moved the output out.
    pub fn take_output(&self) -> bool {
        self.update(|word| (word & !OUTPUT, word & OUTPUT != 0))
    }

    /// The handle goes, its reference with it, after it has moved the output out of the dead G.
    #[inline]
    pub fn drop_handle_taken(&self) -> Wake {
        self.update(|word| {
            debug_assert_eq!(word & STATUS_MASK, DEAD);
            dropped((word & !(JOIN_INTEREST | OUTPUT)) - REF)
        })
    }

    /// The handle goes. Its reference stays until `ref_dec`.
    pub fn drop_handle(&self) -> JoinDropped {
        self.update(|word| {
            let dead = word & STATUS_MASK == DEAD;
            let out = JoinDropped {
                // Of a dead G the slot is still being read by the completing M, which empties it itself.
                drop_waker: !dead && word & JOIN_WAKER != 0,
                drop_output: dead && word & OUTPUT != 0,
            };
            let mut next = word & !JOIN_INTEREST;
            if !dead {
                next &= !JOIN_WAKER;
            }
            (next, out)
        })
    }

    /// DEAD -> RUNNABLE: the handle's reference becomes the queue's, and the output is dropped on a stack.
    /// Says whether only the home M may do it.
    pub fn reap_output(&self) -> bool {
        self.update(|word| {
            debug_assert_eq!(word & STATUS_MASK, DEAD);
            // The waker slot stays with the M that completed the G and may still be emptying it.
            (
                (word & !(STATUS_MASK | LEVEL_MASK | JOIN_WAKER)) | RUNNABLE | REAP,
                word & LOCAL != 0,
            )
        })
    }

    /// For tests and counts.
    pub fn status(&self) -> Status {
        status_of(self.0.load(Ordering::Acquire))
    }

    /// Where it is in its life, as one glance shows: for dumps. It may have moved on by the time this returns.
    pub fn glance(&self) -> Glance {
        let word = self.0.load(Ordering::Acquire);
        Glance {
            status: status_of(word),
            has_frames: word & FRAMES != 0,
            reason: ((word & REASON_MASK) >> REASON_SHIFT) as u8,
        }
    }

    /// Whether an output is there (only the reaper asks, which owns the G).
    pub fn has_output(&self) -> bool {
        self.0.load(Ordering::Acquire) & OUTPUT != 0
    }

    /// Whether it may never leave its home M.
    pub fn is_local(&self) -> bool {
        self.0.load(Ordering::Relaxed) & LOCAL != 0
    }

    /// Whether it has frames. Only meaningful to the M that took it out of a queue.
    #[inline]
    pub fn has_frames(&self) -> bool {
        self.0.load(Ordering::Relaxed) & FRAMES != 0
    }

    /// Whether it is to be dropped only. Only meaningful to the M that took it out of a queue.
    #[inline]
    pub fn is_reaped(&self) -> bool {
        self.0.load(Ordering::Relaxed) & REAP != 0
    }

    /// Whether it is the runtime's own.
    pub fn is_system(&self) -> bool {
        self.0.load(Ordering::Relaxed) & SYSTEM != 0
    }

    /// References, for tests and dumps.
    pub fn refs(&self) -> u32 {
        (self.0.load(Ordering::Relaxed) >> 32) as u32
    }
}

fn status_of(word: u64) -> Status {
    match word & STATUS_MASK {
        RUNNABLE => Status::Runnable,
        RUNNING => Status::Running,
        WAITING => Status::Waiting,
        _ => Status::Dead,
    }
}

fn level_of(word: u64) -> u8 {
    ((word & LEVEL_MASK) >> LEVEL_SHIFT) as u8
}

fn waits_at(word: u64, level: u8) -> bool {
    word & STATUS_MASK == WAITING && level_of(word) == level
}

/// The word after a reference went, and what that means.
fn dropped(next: u64) -> (u64, Wake) {
    if next & REFS_MASK != 0 {
        return (next, Wake::Nothing);
    }
    match next & STATUS_MASK {
        DEAD => (next, Wake::Free),
        // Only a G that waits at base has no reference of the runtime's.
        WAITING => {
            let next = (next & !(STATUS_MASK | LEVEL_MASK)) | RUNNABLE | REAP;
            (
                next + REF,
                Wake::Ready {
                    pinned: next & LOCAL != 0,
                },
            )
        }
        // A running or queued G has the runtime's reference.
        _ => unreachable!("a runnable or running G without a reference"),
    }
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("State")
            .field("status", &self.status())
            .field("refs", &self.refs())
            .finish_non_exhaustive()
    }
}
