//! Blocks the thread: mostly without a word, or saying so, and then waiting as well.

use std::thread;

use gort::Wait;
use gort::task::{block_in_place, yield_now};

use crate::books::THREADS_KEPT;
use crate::random::Random;

pub(super) async fn act(random: &mut Random, _depth: u32) {
    let entry = THREADS_KEPT.open();
    let nap = random.micros_below(5_000);
    match random.below(6) {
        0 => block_in_place(|| thread::sleep(nap)),
        1 => block_in_place(|| {
            thread::sleep(nap);
            yield_now().wait();
            thread::sleep(nap / 4);
        }),
        _ => thread::sleep(nap),
    }
    entry.done();
}
