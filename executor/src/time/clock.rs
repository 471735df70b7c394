//! From std's opaque `Instant` to the nanoseconds that timers are kept in. Both read CLOCK_MONOTONIC.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use gort_runtime_core::nanotime;

/// What a deadline that no clock can hold becomes: as good as never, and still far from an overflow when added to.
const FAR_FUTURE: Duration = Duration::from_secs(30 * 365 * 24 * 60 * 60);

/// The latest time of a timer (Go: time.go maxWhen).
const MAX_WHEN: u64 = i64::MAX as u64;

/// `duration` from now.
pub(super) fn after(duration: Duration) -> Instant {
    let now = Instant::now();
    now.checked_add(duration).unwrap_or_else(|| now + FAR_FUTURE)
}

/// When a timer for `deadline` has to fire. Never too early, and too late by less than the gap of `anchor`.
pub(super) fn when(deadline: Instant) -> u64 {
    let (instant, nanos) = anchor();
    // A deadline before the first sleep of the process has long passed.
    let offset = deadline.saturating_duration_since(instant).as_nanos();
    u64::try_from(offset).map_or(MAX_WHEN, |offset| nanos.saturating_add(offset).min(MAX_WHEN))
}

/// One moment on both clocks, the nanoseconds read second.
fn anchor() -> (Instant, u64) {
    /// How often to try for a pair of readings that nothing came between.
    const ATTEMPTS: u32 = 8;
    static ANCHOR: OnceLock<(Instant, u64)> = OnceLock::new();
    // No waiting inside, so a std OnceLock is held for no sibling's turn.
    *ANCHOR.get_or_init(|| {
        let read = || {
            let before = nanotime();
            let instant = Instant::now();
            let nanos = nanotime();
            (nanos - before, (instant, nanos))
        };
        let mut best = read();
        for _ in 1..ATTEMPTS {
            let next = read();
            if next.0 < best.0 {
                best = next;
            }
        }
        best.1
    })
}
