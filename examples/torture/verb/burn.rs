//! Computes without a wait, and mostly without a word.

use std::hint::spin_loop;
use std::time::{Duration, Instant};

use gort::task::block_in_place;

use crate::books::THREADS_KEPT;
use crate::random::Random;

pub(super) async fn act(random: &mut Random, _depth: u32) {
    let most = if random.one_in(4) { 30_000 } else { 1_000 };
    let duration = Duration::from_micros(100) + random.micros_below(most);
    if random.one_in(6) {
        block_in_place(|| burn(duration));
    } else {
        burn(duration);
    }
}

fn burn(duration: Duration) {
    let entry = THREADS_KEPT.open();
    let begun = Instant::now();
    while begun.elapsed() < duration {
        spin_loop();
    }
    entry.done();
}
