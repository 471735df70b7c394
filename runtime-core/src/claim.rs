//! Who holds a P, and how it is taken from an M that sits in user code: the handshake of rule 3.
//!
//! The M tells by its [`Seq`] whether it is in the runtime (odd) or in user code (even); the P's [`Owner`] says whose
//! it is. An M that comes into the runtime says so and then looks whether the P is still its own; who wants the P claims
//! it and then looks whether the M is in the runtime. Each must see what the other did, so a full fence belongs
//! between the two steps of either side. The M comes thousands of times as often: its fence is left to the other
//! side, which has the kernel run one on every processor (membarrier). Its own is a compiler fence.
//!
//! ```text
//!   M, entering the runtime              sysmon, or who stops the world: one claim at a time
//!     seq = odd                            owner: OWNED(m) -> CLAIMED(m)         else: no
//!     fence (light)                        fence (heavy)
//!     owner == OWNED(m)?                   seq even, and as before?
//!       yes: go on                           yes: CLAIMED(m) -> FREE             it is ours, or the M was faster
//!       CLAIMED(m): CAS to OWNED(m)          no:  CLAIMED(m) -> OWNED(m)
//!         done: go on
//!         failed: it is lost
//!   M, leaving it: seq = even (release)
//! ```
//!
//! *Nobody owns a P twice.* Say that the M goes on by its first look, which read OWNED: then that look came before the
//! claim's heavy fence, and so did `seq = odd`: the claimer reads that, or what the M wrote later. If that is an even
//! number, the M has left since, which the release and the acquire order before the claim's end; and its next look
//! comes after the heavy fence and sees the claim. In every other case the M and the claimer both go on by a
//! compare-and-swap on the same CLAIMED word, of which one fails.
//!
//! *Without the fences* the M's look may be done before its `seq = odd` is seen by others (a store waits in the store
//! buffer while a later load is served): it reads OWNED, the claimer reads an even number and takes the P, and both
//! have it. `tests/claim.rs` shows that this happens, and `tests/loom_claim.rs` why.

use crate::atomic::{AtomicU32, Ordering};

/// In every M. Written by the M's own thread.
pub(crate) struct Seq(AtomicU32);

impl Seq {
    /// In the runtime.
    #[cfg(not(loom))]
    pub(crate) const fn new() -> Seq {
        Seq(AtomicU32::new(1))
    }

    /// Loom's atomics have no constant.
    #[cfg(loom)]
    pub(crate) fn new() -> Seq {
        Seq(AtomicU32::new(1))
    }

    /// Whether the M is in the runtime. Its own thread only.
    #[inline]
    pub(crate) fn is_inside(&self) -> bool {
        !self.0.load(Ordering::Relaxed).is_multiple_of(2)
    }

    /// The M comes into the runtime. `Owner::confirm` follows, behind the light fence.
    #[inline]
    pub(crate) fn enter(&self) {
        debug_assert!(!self.is_inside());
        // No read-modify-write: only this thread writes it.
        let seq = self.0.load(Ordering::Relaxed);
        self.0.store(seq.wrapping_add(1), Ordering::Relaxed);
    }

    /// The M goes back to user code.
    #[inline]
    pub(crate) fn leave(&self) {
        debug_assert!(self.is_inside());
        let seq = self.0.load(Ordering::Relaxed);
        // Release: who reads this and takes the P sees what we did to it.
        self.0.store(seq.wrapping_add(1), Ordering::Release);
    }

    /// Changes whenever the M comes or goes. For others.
    pub(crate) fn look(&self) -> u32 {
        self.0.load(Ordering::Acquire)
    }

    /// What [`look`](Seq::look) says of an M in user code.
    pub(crate) fn is_user(seq: u32) -> bool {
        seq.is_multiple_of(2)
    }
}

/// In every P: the id of the M that holds it, and whether that is being contested.
pub(crate) struct Owner(AtomicU32);

/// Nobody's: idle, or on its way from one M to another.
const FREE: u32 = 0;
const OWNED: u32 = 1;
const CLAIMED: u32 = 2;
const STATE_BITS: u32 = 2;

#[inline]
fn owned(m: u32) -> u32 {
    m << STATE_BITS | OWNED
}

fn claimed(m: u32) -> u32 {
    m << STATE_BITS | CLAIMED
}

impl Owner {
    /// Nobody's.
    #[cfg(not(loom))]
    pub(crate) const fn new() -> Owner {
        Owner(AtomicU32::new(FREE))
    }

    /// Loom's atomics have no constant.
    #[cfg(loom)]
    pub(crate) fn new() -> Owner {
        Owner(AtomicU32::new(FREE))
    }

    /// The P is `m`'s. By whoever has it: `m` itself, or who lends it back.
    pub(crate) fn set(&self, m: u32) {
        debug_assert_eq!(self.0.load(Ordering::Relaxed), FREE);
        // Release: an M that gets a lent P back learns of it by `confirm` alone.
        self.0.store(owned(m), Ordering::Release);
    }

    /// The P is nobody's. By the M that holds it, in the runtime: a claim that is under way fails.
    pub(crate) fn clear(&self) {
        self.0.store(FREE, Ordering::Release);
    }

    /// The M that holds it, if any.
    pub(crate) fn holder(&self) -> Option<u32> {
        let word = self.0.load(Ordering::Acquire);
        (word != FREE).then_some(word >> STATE_BITS)
    }

    /// Whether `m` holds it. A guess, unless `m` asks in the runtime.
    #[inline]
    pub(crate) fn is_held_by(&self, m: u32) -> bool {
        let word = self.0.load(Ordering::Relaxed);
        word == owned(m) || word == claimed(m)
    }

    /// Whether the P is still `m`'s, which has just entered. False: it was taken.
    #[inline]
    #[must_use]
    pub(crate) fn confirm(&self, m: u32) -> bool {
        // Acquire: pairs with `set` by who lends it back.
        self.0.load(Ordering::Acquire) == owned(m) || self.contest(m)
    }

    #[cold]
    fn contest(&self, m: u32) -> bool {
        self.0
            .compare_exchange(claimed(m), owned(m), Ordering::AcqRel, Ordering::Acquire)
            .is_ok()
            // The claim may have been given up meanwhile.
            || self.0.load(Ordering::Acquire) == owned(m)
    }

    /// Takes the P from `m` if it is in user code and was so at `seen`. `heavy` is the fence that makes up for the
    /// light one of `enter`.
    #[must_use]
    pub(crate) fn claim(&self, m: u32, seq: &Seq, seen: u32, heavy: impl FnOnce()) -> bool {
        if !Seq::is_user(seen)
            || self
                .0
                .compare_exchange(owned(m), claimed(m), Ordering::AcqRel, Ordering::Relaxed)
                .is_err()
        {
            return false;
        }
        heavy();
        let next = if seq.look() == seen { FREE } else { owned(m) };
        // A failure means that the M has come in and contested.
        self.0
            .compare_exchange(claimed(m), next, Ordering::AcqRel, Ordering::Relaxed)
            .is_ok()
            && next == FREE
    }
}
