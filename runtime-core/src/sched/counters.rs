//! What happened how often. For metrics.

use std::sync::atomic::{AtomicU64, Ordering};

/// Everybody's, so only for what is rare: a locked operation each time.
pub(crate) struct Counter(AtomicU64);

impl Counter {
    const fn new() -> Counter {
        Counter(AtomicU64::new(0))
    }

    pub(crate) fn count(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// sysmon took a P from an M that blocked.
pub(crate) static BLOCKED: Counter = Counter::new();
/// From one that burned.
pub(crate) static BURNT: Counter = Counter::new();
/// From one that has it back after what was urgent.
pub(crate) static LENT: Counter = Counter::new();
/// The world was stopped.
pub(crate) static WORLD_STOPS: Counter = Counter::new();
/// A G that could have gone on let others go first: its slice was over.
pub(crate) static YIELDS: Counter = Counter::new();

/// Adds to a figure that only the caller writes.
#[inline]
pub(crate) fn add(own: &AtomicU64, n: u64) {
    own.store(own.load(Ordering::Relaxed) + n, Ordering::Relaxed);
}
