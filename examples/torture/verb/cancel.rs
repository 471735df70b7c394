//! Verbs that are dropped in the middle, by a time limit, by a race, or with a set of others.

use std::pin::pin;

use futures_util::future::select;
use futures_util::stream::{FuturesUnordered, StreamExt};
use gort::time::timeout;

use crate::random::Random;
use crate::verb;

const MOST: usize = 5;

pub(super) async fn act(random: &mut Random, depth: u32) {
    match random.below(3) {
        0 => {
            let limit = random.micros_below(2_000);
            // Either way is right: what matters is what is left of it.
            let _ = timeout(limit, verb::any(random, depth + 1)).await;
        }
        1 => {
            let (mut one, mut other) = (random.fork(), random.fork());
            let (one, other) = (verb::any(&mut one, depth + 1), verb::any(&mut other, depth + 1));
            // The slower one is dropped.
            let _ = select(pin!(one), pin!(other)).await;
        }
        _ => {
            let verbs = (0..=random.below(MOST)).map(|_| {
                let mut theirs = random.fork();
                async move { verb::any(&mut theirs, depth + 1).await }
            });
            let mut verbs: FuturesUnordered<_> = verbs.collect();
            for _ in 0..random.below(MOST) {
                verbs.next().await;
            }
        }
    }
}
