//! Looks at the runtime's figures: what counts never goes down, and there is somebody who asks.

use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

use gort::runtime::metrics;

use crate::books::discrepancy;
use crate::random::Random;
use crate::resizer::MOST_PROCESSORS;

/// The most that was seen, of each figure that counts.
static SEEN: [AtomicU64; 5] = [const { AtomicU64::new(0) }; 5];

pub(super) async fn act(_random: &mut Random, _depth: u32) {
    let before = SEEN.each_ref().map(|seen| seen.load(SeqCst));
    let now = metrics();
    let counted = [
        now.blocked_retake_count(),
        now.busy_retake_count(),
        now.loan_count(),
        now.world_stop_count(),
        now.worker_poll_count(0),
    ];
    for (seen, counted) in SEEN.iter().zip(counted) {
        seen.fetch_max(counted, SeqCst);
    }
    let went_down = before
        .iter()
        .zip(counted)
        .any(|(before, counted)| counted < *before);
    let is_odd = now.num_workers() > MOST_PROCESSORS
        || now.num_alive_tasks() == 0
        || now.num_idle_threads() >= now.num_threads()
        || now.num_idle_blocking_threads() > now.num_blocking_threads();
    if went_down || is_odd {
        discrepancy(format_args!("{before:?}, then {now:?}"));
    }
}
