//! Goroutines on stacks of many sizes, which wait deep down and find their frames as they left them.

use std::hint::black_box;

use gort::Wait;
use gort::task::yield_now;
use gort::time::sleep;

use crate::books::discrepancy;
use crate::child;
use crate::foreign::event;
use crate::random::Random;

const SMALLEST: usize = 64 << 10;
/// The largest is the smallest, doubled so often.
const DOUBLINGS: usize = 5;
const MOST: usize = 12;

pub(super) async fn act(random: &mut Random, _depth: u32) {
    let several = (0..=random.below(MOST)).map(|_| {
        let size = SMALLEST << random.below(DOUBLINGS + 1);
        // A quarter at most, for a debug build's frames are large, and what waits needs some.
        let budget = random.below(size / 4);
        let mut theirs = random.fork();
        child::goroutine_on(size, random.next(), move || {
            let here = 0_u8;
            descend(black_box(&raw const here).addr(), budget, &mut theirs);
        })
    });
    for child in several.collect::<Vec<_>>() {
        child.join().await;
    }
}

/// Goes down until `budget` bytes of stack are in use, waits there, and looks at its frame on the way back.
#[inline(never)]
fn descend(top: usize, budget: usize, random: &mut Random) {
    let pattern = random.next();
    let frame = black_box([pattern; 64]);
    if top - (&raw const frame).addr() < budget {
        descend(top, budget, random);
    } else {
        match random.below(3) {
            0 => yield_now().wait(),
            1 => sleep(random.micros_below(1_000)).wait(),
            _ => event(random).wait(),
        }
    }
    if black_box(&frame).iter().any(|&word| word != pattern) {
        discrepancy(format_args!("a stack has changed while its goroutine waited"));
    }
}
