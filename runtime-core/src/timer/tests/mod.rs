//! The timers' tests, a file for each promise, and what they share.

mod expiry;
mod keys;
mod memory;
mod model;
mod threads;
mod wakers;

use super::{Key, Timers};
use std::sync::{Arc, Mutex};
use std::task::{Wake, Waker};
use std::time::{SystemTime, UNIX_EPOCH};

/// What was woken, in order.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u32>>>);

struct Named {
    id: u32,
    log: Log,
}

impl Wake for Named {
    fn wake(self: Arc<Self>) {
        self.log.0.lock().expect("no panics").push(self.id);
    }
}

impl Log {
    fn waker(&self, id: u32) -> Waker {
        Waker::from(Arc::new(Named {
            id,
            log: self.clone(),
        }))
    }

    /// Those woken since the last call.
    fn take(&self) -> Vec<u32> {
        std::mem::take(&mut *self.0.lock().expect("no panics"))
    }
}

fn add(timers: &Timers, when: u64, waker: Waker) -> Key {
    timers.add(when, waker).0
}

/// Runs and wakes.
fn run(timers: &Timers, now: u64) -> u64 {
    timers.run(now, &mut Waker::wake)
}

/// xorshift64*; prints its seed, which `GORT_TEST_SEED` sets.
struct Random(u64);

impl Random {
    fn new(test: &str) -> Self {
        let clock = || {
            SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .map_or(1, |d| d.as_nanos() as u64)
        };
        let seed = std::env::var("GORT_TEST_SEED")
            .ok()
            .and_then(|s| s.parse().ok())
            .unwrap_or_else(clock)
            | 1;
        println!("{test}: GORT_TEST_SEED={seed}");
        Self(seed)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16) % bound
    }

    fn shuffle<T>(&mut self, items: &mut [T]) {
        for i in (1..items.len()).rev() {
            items.swap(i, self.below(i as u64 + 1) as usize);
        }
    }
}
