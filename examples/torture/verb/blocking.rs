//! Blocks threads that are there for it: jobs, and calls that borrow.

use std::thread;
use std::time::Duration;

use gort::Wait;
use gort::task::yield_now;
use gort::time::sleep;

use crate::books::{CALLS, discrepancy};
use crate::child;
use crate::random::Random;

pub(super) async fn act(random: &mut Random, _depth: u32) {
    let nap = random.micros_below(2_000);
    for _ in 0..random.below(4) {
        call(random, nap);
        let job = child::job(random.next(), move || work(nap));
        match random.below(4) {
            0 => job.forget(),
            1 => job.join_within(random.micros_below(300)).await,
            _ => job.join().await,
        }
    }
}

/// What a blocking thread does: it blocks, and waits for what gort runs elsewhere.
fn work(nap: Duration) {
    thread::sleep(nap);
    child::goroutine(1, || yield_now().wait()).join().wait();
    sleep(nap / 8).wait();
}

/// Parks the caller while its own numbers are added up.
fn call(random: &mut Random, nap: Duration) {
    let numbers: Vec<u64> = (0..8).map(|_| random.next() >> 8).collect();
    let mut sum = 0;
    let entry = CALLS.open();
    gort::blocking(|| {
        thread::sleep(nap);
        sum = numbers.iter().sum();
    });
    entry.done();
    if sum != numbers.iter().sum() {
        discrepancy(format_args!("a blocking call has added wrongly"));
    }
}
