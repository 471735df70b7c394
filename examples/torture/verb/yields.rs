//! Gives way, by awaiting and by waiting.

use gort::Wait;
use gort::task::yield_now;

use crate::random::Random;

pub(super) async fn act(random: &mut Random, _depth: u32) {
    for _ in 0..random.below(30) {
        if random.one_in(3) {
            yield_now().wait();
        } else {
            yield_now().await;
        }
    }
}
