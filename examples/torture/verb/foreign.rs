//! Waits for what threads do that know nothing of gort.

use futures_util::stream::{FuturesUnordered, StreamExt};
use gort::Wait;

use crate::foreign::{Restless, event};
use crate::random::Random;

pub(super) async fn act(random: &mut Random, _depth: u32) {
    match random.below(5) {
        0 => event(random).await,
        1 => event(random).wait(),
        2 => Restless::new(random.below(5), random).await,
        3 => Restless::new(random.below(5), random).wait(),
        _ => {
            // Wakers of FuturesUnordered's own, in foreign hands.
            let several = (0..random.below(6)).map(|_| Restless::new(2, random));
            let mut several: FuturesUnordered<_> = several.collect();
            while several.next().await.is_some() {}
        }
    }
}
