//! Storms of small tasks and goroutines, joined in another order, forgotten, or given up.

use std::time::Duration;

use gort::Wait;
use gort::task::yield_now;
use gort::time::sleep;

use crate::child::{self, Child};
use crate::random::Random;
use crate::world::world;

pub(super) async fn act(random: &mut Random, _depth: u32) {
    let most = match random.below(24) {
        _ if !world().has_room() => 2,
        0 => 1_500,
        1..=4 => 100,
        _ => 12,
    };
    let mut children: Vec<_> = (0..=random.below(most)).map(|_| small(random)).collect();
    random.shuffle(&mut children);
    for child in children {
        match random.below(8) {
            0 => child.forget(),
            1 => child.join_within(random.micros_below(300)).await,
            _ => child.join().await,
        }
    }
}

/// A body that ends at once, yields, or sleeps.
fn small(random: &mut Random) -> Child {
    let (value, what) = (random.next(), random.below(3));
    let short: Duration = random.micros_below(500);
    let body = async move {
        match what {
            0 => {}
            1 => yield_now().await,
            _ => sleep(short).await,
        }
    };
    if random.one_in(2) {
        child::task(value, body)
    } else {
        child::goroutine(value, || body.wait())
    }
}
