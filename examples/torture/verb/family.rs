//! Tasks and goroutines that do verbs of their own, some of them forgotten.

use crate::actor;
use crate::random::Random;

const MOST: usize = 4;

pub(super) async fn act(random: &mut Random, depth: u32) {
    let children = (0..=random.below(MOST)).map(|_| actor::some(random, depth + 1));
    for child in children.collect::<Vec<_>>() {
        match random.below(6) {
            0 => child.forget(),
            1 => child.join_within(random.micros_below(3_000)).await,
            _ => child.join().await,
        }
    }
}
