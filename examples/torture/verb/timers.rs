//! Sleeps, which are never early; time limits that win, lose or are dropped.

use std::future::pending;
use std::time::{Duration, Instant};

use futures_util::future::{Either, select};
use futures_util::stream::{FuturesUnordered, StreamExt};
use gort::Wait;
use gort::task::yield_now;
use gort::time::{sleep, sleep_until, timeout};

use crate::books::discrepancy;
use crate::random::Random;

/// Longer than this program lasts.
const NEVER: Duration = Duration::from_secs(1_000_000);

pub(super) async fn act(random: &mut Random, _depth: u32) {
    let short = random.micros_below(2_000);
    match random.below(7) {
        0 => one(short).await,
        1 => one(short).wait(),
        2 => sleep_until(Instant::now().checked_sub(short).unwrap_or_else(Instant::now)).await,
        3 => {
            if timeout(NEVER, yield_now()).await.is_err() {
                discrepancy(format_args!("a time limit of {NEVER:?} has passed"));
            }
        }
        4 => {
            let begun = Instant::now();
            let limited = timeout(short, pending::<()>()).await;
            if limited.is_ok() || begun.elapsed() < short {
                discrepancy(format_args!("a time limit of {short:?} is off"));
            }
        }
        5 => cancelled(random).await,
        _ => {
            let sleeps = (0..random.below(60)).map(|_| one(random.micros_below(3_000)));
            let mut many: FuturesUnordered<_> = sleeps.collect();
            while many.next().await.is_some() {}
        }
    }
}

async fn one(duration: Duration) {
    let begun = Instant::now();
    sleep(duration).await;
    let passed = begun.elapsed();
    if passed < duration {
        discrepancy(format_args!("a sleep of {duration:?} ended after {passed:?}"));
    }
}

/// Timers that were set and are taken back.
async fn cancelled(random: &mut Random) {
    let timers = (0..=random.below(60)).map(|_| sleep(NEVER + random.micros_below(1_000_000)));
    let mut timers: FuturesUnordered<_> = timers.collect();
    if let Either::Left(_) = select(timers.next(), yield_now()).await {
        discrepancy(format_args!("a sleep of {NEVER:?} has ended"));
    }
}
