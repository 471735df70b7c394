//! Tasks that stay on their thread, and what they share with the goroutine that spawned them.

use std::cell::Cell;
use std::rc::Rc;

use gort::Wait;
use gort::task::{spawn_local, yield_now};

use crate::books::{TASKS, discrepancy};
use crate::child;
use crate::foreign::event;
use crate::random::Random;

pub(super) async fn act(random: &mut Random, _depth: u32) {
    let (value, theirs) = (random.next(), random.fork());
    let child = child::goroutine(value, || family(theirs));
    if random.one_in(4) {
        child.forget();
    } else {
        child.join().await;
    }
}

fn family(mut random: Random) {
    let sum = Rc::new(Cell::new(0));
    let home = std::thread::current().id();
    let n = 1 + random.below(8);
    let locals: Vec<_> = (1..=n)
        .map(|i| {
            let (sum, mut random) = (sum.clone(), random.fork());
            let entry = TASKS.open();
            spawn_local(async move {
                match random.below(3) {
                    0 => yield_now().await,
                    1 => event(&mut random).await,
                    _ => event(&mut random).wait(),
                }
                if std::thread::current().id() != home {
                    discrepancy(format_args!("a local task has changed its thread"));
                }
                sum.set(sum.get() + i);
                entry.done();
                Rc::new(i)
            })
        })
        .collect();
    if random.one_in(4) {
        // They go on without handles, and their outputs are dropped here all the same.
        return;
    }
    let joined: usize = locals
        .into_iter()
        .map(|local| local.wait().map_or(0, |i| *i))
        .sum();
    let expected = n * (n + 1) / 2;
    if joined != expected || sum.get() != expected {
        discrepancy(format_args!(
            "local tasks: {expected} expected, {joined} joined, {} summed",
            sum.get()
        ));
    }
}
