//! The atomic word of one side of a [`PollDesc`](super::PollDesc), and every transition it can make.
//!
//! Called by [`Side`](super::side::Side) only. It knows nothing of queues, wakers or sockets, never
//! blocks and never calls out. The protocol that these transitions make up is proved in
//! `netpoll/README.md`.
//!
//! ```text
//! | 63 ...... 32 | 31 ...... 4 |   3   |   2   |   1    |   0   |
//! |     seq      |    tick     | SLOTS | QUEUE | STICKY | READY |
//! ```
//!
//! In Go's terms (netpoll.go: pdNil, pdReady, pdWait): neither READY nor STICKY and nobody waiting is
//! *nil*, READY or STICKY is *ready*, QUEUE or SLOTS is *waiting*. Ready and waiting at once means that
//! somebody holds the baton.

use std::sync::atomic::Ordering::{AcqRel, Acquire};

use crate::sync::AtomicU64;

/// An operation is worth trying. Set by an event, cleared by whoever saw the operation run dry.
const READY: u64 = 1;
/// As READY, and a short transfer proves nothing: the peer hung up, an error or urgent data is pending.
/// Set by an event, cleared only by an operation that would block.
const STICKY: u64 = 1 << 1;
/// The FIFO has waiters. Changed under the side's lock only.
pub(crate) const QUEUE: u64 = 1 << 2;
/// Wakers of `poll_*` callers are kept. Changed under the side's lock only.
pub(crate) const SLOTS: u64 = 1 << 3;

const ANY_READY: u64 = READY | STICKY;

/// Counts events, so that a clear that is based on what was before an event cannot erase it.
const TICK_ONE: u64 = 1 << 4;
const TICK_BITS: u32 = 28;
const TICK_MASK: u64 = ((1 << TICK_BITS) - 1) * TICK_ONE;

/// Counts the users of this descriptor (Go: netpoll.go fdseq), so that an event of a closed fd cannot
/// reach the next user.
const SEQ_SHIFT: u32 = 32;

/// The word as it was when it was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seen(u64);

impl Seen {
    /// Whether the operation is worth trying.
    pub(crate) fn is_ready(self) -> bool {
        self.0 & ANY_READY != 0
    }

    /// Whether a short transfer proves nothing.
    #[cfg(all(test, not(loom)))]
    pub(crate) fn is_sticky(self) -> bool {
        self.0 & STICKY != 0
    }

    /// Whether the FIFO has waiters.
    pub(crate) fn has_queue(self) -> bool {
        self.0 & QUEUE != 0
    }

    /// Whether anybody waits.
    pub(crate) fn has_waiters(self) -> bool {
        self.0 & (QUEUE | SLOTS) != 0
    }

    /// Which user of the descriptor this is.
    pub(crate) fn seq(self) -> u32 {
        (self.0 >> SEQ_SHIFT) as u32
    }

    /// Seq and tick: equal exactly if no event and no new user came between.
    fn era(self) -> u64 {
        self.0 & !(ANY_READY | QUEUE | SLOTS)
    }
}

/// What an event found.
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Event {
    /// It was meant for an earlier user of this descriptor: nothing changed.
    Stale,
    /// Nobody waits.
    Noted,
    /// Somebody waits and is to be woken.
    Wake,
}

/// Whether a waiter may go to sleep.
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Announce {
    /// The word says that somebody waits: any later event will see it.
    Announced,
    /// An event came first: do not wait.
    Ready,
}

/// One side's state.
#[derive(Debug)]
pub(crate) struct Word(AtomicU64);

impl Word {
    pub(crate) fn new() -> Self {
        Word(AtomicU64::new(0))
    }

    /// Acquire: pairs with [`Word::event`], so that what happened before the event is seen too.
    pub(crate) fn load(&self) -> Seen {
        Seen(self.0.load(Acquire))
    }

    /// An event for user `seq`: sets READY (and STICKY) and starts a new tick.
    ///
    /// The tick moves even if READY is set already: an operation that ran dry just before this event,
    /// and has not cleared yet, must not erase it.
    pub(crate) fn event(&self, seq: u32, sticky: bool) -> Event {
        let set = READY | if sticky { STICKY } else { 0 };
        let noted = self.0.fetch_update(AcqRel, Acquire, |word| {
            (Seen(word).seq() == seq).then(|| next_tick(word) | set)
        });
        match noted {
            Err(_) => Event::Stale,
            Ok(word) if Seen(word).has_waiters() => Event::Wake,
            Ok(_) => Event::Noted,
        }
    }

    /// The operation tried at `seen` would block: clears READY and STICKY unless an event came since.
    ///
    /// STICKY goes too. Were it still true the operation would not have blocked, and a bit that
    /// outlives its cause would make its owner spin.
    pub(crate) fn clear_would_block(&self, seen: Seen) {
        let _ = self.0.fetch_update(AcqRel, Acquire, |word| {
            (Seen(word).era() == seen.era()).then_some(word & !ANY_READY)
        });
    }

    /// The operation tried at `seen` moved less than it was asked to, which on an edge-triggered stream
    /// means that the kernel's buffer ran dry (or full): clears READY unless an event came since, or
    /// STICKY says that a short transfer proves nothing.
    pub(crate) fn clear_short(&self, seen: Seen) {
        let _ = self.0.fetch_update(AcqRel, Acquire, |word| {
            (Seen(word).era() == seen.era() && word & STICKY == 0).then_some(word & !READY)
        });
    }

    /// Under the side's lock: says that somebody waits in `who` (QUEUE or SLOTS), unless it is ready.
    pub(crate) fn announce(&self, who: u64) -> Announce {
        let announced = self.0.fetch_update(AcqRel, Acquire, |word| {
            (word & ANY_READY == 0).then_some(word | who)
        });
        if announced.is_ok() {
            Announce::Announced
        } else {
            Announce::Ready
        }
    }

    /// Under the side's lock: `who` has become empty.
    pub(crate) fn retract(&self, who: u64) {
        self.0.fetch_and(!who, AcqRel);
    }

    /// The descriptor gets a user, whose first operation is tried at once if `ready`.
    pub(crate) fn open(&self, ready: bool) {
        let set = if ready { READY } else { 0 };
        let _ = self
            .0
            .fetch_update(AcqRel, Acquire, |word| Some(next_tick(word) & !ANY_READY | set));
    }

    /// The descriptor loses its user: from here on its events are stale.
    pub(crate) fn close(&self) {
        let _ = self.0.fetch_update(AcqRel, Acquire, |word| {
            let seq = Seen(word).seq().wrapping_add(1);
            Some(u64::from(seq) << SEQ_SHIFT | word & TICK_MASK)
        });
    }
}

fn next_tick(word: u64) -> u64 {
    word & !TICK_MASK | word.wrapping_add(TICK_ONE) & TICK_MASK
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::sync::atomic::Ordering::Release;

    use super::*;

    fn ready_word() -> (Word, Seen) {
        let word = Word::new();
        assert_eq!(word.event(0, false), Event::Noted);
        let seen = word.load();
        assert!(seen.is_ready());
        (word, seen)
    }

    #[test]
    fn clear_of_an_old_tick_does_not_erase_a_newer_event() {
        let (word, seen) = ready_word();
        assert_eq!(word.event(0, false), Event::Noted);
        word.clear_would_block(seen);
        assert!(word.load().is_ready());
        word.clear_short(seen);
        assert!(word.load().is_ready());
        let seen = word.load();
        word.clear_short(seen);
        assert!(!word.load().is_ready());
    }

    #[test]
    fn tick_wraps_inside_its_bits() {
        let word = Word::new();
        word.0.store(7 << SEQ_SHIFT | TICK_MASK | QUEUE, Release);
        assert_eq!(word.event(7, false), Event::Wake);
        assert_eq!(word.0.load(Acquire), 7 << SEQ_SHIFT | QUEUE | READY);
    }

    #[test]
    fn sticky_survives_a_short_transfer_but_not_would_block() {
        let word = Word::new();
        assert_eq!(word.event(0, true), Event::Noted);
        let seen = word.load();
        word.clear_short(seen);
        assert!(word.load().is_ready());
        word.clear_would_block(seen);
        assert!(!word.load().is_ready());
    }

    #[test]
    fn event_of_an_earlier_user_changes_nothing() {
        let word = Word::new();
        word.open(false);
        word.close();
        word.open(false);
        let before = word.load();
        assert_eq!(word.event(0, true), Event::Stale);
        assert_eq!(word.load(), before);
        assert_eq!(word.event(1, false), Event::Noted);
        assert!(word.load().is_ready());
    }

    #[test]
    fn announcing_loses_against_an_event() {
        let (word, seen) = ready_word();
        assert_eq!(word.announce(QUEUE), Announce::Ready);
        assert!(!word.load().has_waiters());
        word.clear_would_block(seen);
        assert_eq!(word.announce(QUEUE), Announce::Announced);
        assert_eq!(word.event(0, false), Event::Wake);
        word.retract(QUEUE);
        assert!(!word.load().has_waiters());
    }
}
