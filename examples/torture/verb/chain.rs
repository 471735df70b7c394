//! A chain of joins: each body waits for the one before it.

use gort::Wait;

use crate::child;
use crate::random::Random;
use crate::world::world;

const LONGEST: usize = 60;

pub(super) async fn act(random: &mut Random, _depth: u32) {
    let length = if world().has_room() { LONGEST } else { 2 };
    let mut last = child::task(random.next(), async {});
    for _ in 0..random.below(length) {
        let (before, value) = (last, random.next());
        last = if random.one_in(2) {
            child::task(value, before.join())
        } else {
            child::goroutine(value, || before.join().wait())
        };
    }
    last.join().await;
}
