//! Waits inside of waits: in a poll, in a destructor, several levels deep.

use futures_util::future::join;
use gort::Wait;
use gort::task::yield_now;
use gort::time::sleep;

use crate::foreign::{Restless, event};
use crate::random::Random;
use crate::verb;

pub(super) async fn act(random: &mut Random, depth: u32) {
    match random.below(5) {
        0 => {
            // The inner wait stops the poll in which the other is waited for; neither depends on the other.
            let (outer, inner) = (event(random), event(random));
            join(outer, async { inner.wait() }).await;
        }
        1 => {
            let deep = 1 + random.below(6);
            levels(random, deep);
        }
        2 => {
            let last = event(random);
            drop(WaitsOnDrop(Some(last)));
        }
        3 => verb::any(random, depth + 1).wait(),
        _ => {
            let (mut left, mut right) = (random.fork(), random.fork());
            join(verb::any(&mut left, depth + 1), verb::any(&mut right, depth + 1)).await;
        }
    }
}

fn levels(random: &mut Random, deep: usize) {
    let (short, restless) = (random.micros_below(100), Restless::new(2, random));
    gort::block_on(async {
        sleep(short).await;
        if deep > 0 {
            levels(random, deep - 1);
        }
        restless.await;
        yield_now().await;
    });
}

struct WaitsOnDrop(Option<crate::event::Event>);

impl Drop for WaitsOnDrop {
    fn drop(&mut self) {
        if let Some(event) = self.0.take() {
            event.wait();
        }
    }
}
