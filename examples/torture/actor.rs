//! An actor does one thing after the other: a task that awaits, a goroutine that waits, or a foreign thread that does.

use gort::Wait;

use crate::child::{self, Child};
use crate::random::Random;
use crate::verb;
use crate::world::world;

/// How many of each of the first two kinds.
const TASKS: usize = 24;
const GOROUTINES: usize = 24;

/// What starts other bodies does so no deeper than this.
pub(crate) const DEEPEST: u32 = 3;

/// Until the time is over.
pub(crate) async fn live(mut random: Random) {
    while world().goes_on() {
        verb::any(&mut random, 0).await;
    }
}

/// The tasks and goroutines among them.
pub(crate) fn start(random: &mut Random) -> Vec<Child> {
    let tasks = (0..TASKS).map(|_| (true, random.fork()));
    let all: Vec<_> = tasks.collect();
    let goroutines: Vec<_> = (0..GOROUTINES).map(|_| (false, random.fork())).collect();
    let start = |(is_task, mut random): (bool, Random)| {
        let value = random.next();
        if is_task {
            child::task(value, live(random))
        } else {
            child::goroutine(value, || live(random).wait())
        }
    };
    all.into_iter().chain(goroutines).map(start).collect()
}

/// A body that does a few things at `depth`: a task or a goroutine, as it comes.
pub(crate) fn some(random: &mut Random, depth: u32) -> Child {
    let mut theirs = random.fork();
    let value = random.next();
    let acts = 1 + random.below(3);
    if random.one_in(2) {
        child::task(value, async move {
            for _ in 0..acts {
                verb::any(&mut theirs, depth).await;
            }
        })
    } else {
        child::goroutine(value, move || {
            for _ in 0..acts {
                verb::any(&mut theirs, depth).wait();
            }
        })
    }
}
