//! Blocks the thread, and tells nobody.

use std::thread;

use crate::books::THREADS_KEPT;
use crate::random::Random;

pub(super) async fn act(random: &mut Random, _depth: u32) {
    let entry = THREADS_KEPT.open();
    thread::sleep(random.micros_below(5_000));
    entry.done();
}
