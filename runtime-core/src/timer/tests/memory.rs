//! A million timers: the memory grows with them, stays bounded while they come and go, and is given back.

use super::super::heap::KEEP;
use super::super::queue::SLACK;
use super::*;

const MANY: u32 = 1_000_000;

fn capacity(timers: &Timers) -> (usize, usize) {
    timers.queue.lock().capacity()
}

fn entries(timers: &Timers) -> usize {
    timers.queue.lock().entries()
}

#[test]
fn a_million_that_fire() {
    let (timers, named) = (
        Timers::new(),
        Arc::new(Named {
            id: 0,
            log: Log::default(),
        }),
    );
    let waker = Waker::from(Arc::clone(&named));
    let mut random = Random::new("a_million_that_fire");
    for _ in 0..MANY {
        timers.add(random.below(1_000_000_000), waker.clone());
    }
    assert_eq!(timers.len(), MANY as usize);
    let mut fired = 0;
    for now in (0..1_000_000_000).step_by(10_000_000) {
        timers.run(now, &mut |_| fired += 1);
    }
    assert_eq!(timers.run(1_000_000_000, &mut |_| fired += 1), u64::MAX);
    assert_eq!(fired, MANY);
    assert_eq!(Arc::strong_count(&named), 2);
    assert_eq!(capacity(&timers), (0, 0), "given back");
}

#[test]
fn a_million_that_are_cancelled() {
    let timers = Timers::new();
    let mut random = Random::new("a_million_that_are_cancelled");
    let mut keys: Vec<_> = (0..MANY)
        .map(|_| add(&timers, random.below(1 << 36), Waker::noop().clone()))
        .collect();
    random.shuffle(&mut keys);
    for (cancelled, key) in keys.into_iter().enumerate() {
        assert!(timers.cancel(key).is_some());
        let live = MANY as usize - cancelled - 1;
        assert!(
            entries(&timers) <= 4 * live + 2 * SLACK,
            "{} entries for {live} timers",
            entries(&timers)
        );
    }
    assert_eq!(capacity(&timers), (0, 0), "given back");
}

/// The sweep begins at the far end of the heap while all that is stale is at the near one.
#[test]
fn stale_entries_are_few_wherever_they_are() {
    for nearest_first in [true, false] {
        let timers = Timers::new();
        let mut keys: Vec<_> = (0..50_000)
            .map(|when| add(&timers, when, Waker::noop().clone()))
            .collect();
        if !nearest_first {
            keys.reverse();
        }
        for (cancelled, key) in keys.iter().enumerate() {
            drop(timers.cancel(*key));
            let live = keys.len() - cancelled - 1;
            assert!(
                entries(&timers) <= 4 * live + 2 * SLACK,
                "{} entries for {live} timers",
                entries(&timers)
            );
        }
    }
}

#[test]
fn a_server_s_timeouts_use_the_same_memory_again() {
    let timers = Timers::new();
    let mut keys: Vec<_> = (0..1000)
        .map(|when| add(&timers, when + 30_000, Waker::noop().clone()))
        .collect();
    let mut random = Random::new("a_server_s_timeouts");
    for now in 1000..1_000_000 {
        let key = add(&timers, now + 30_000, Waker::noop().clone());
        let old = std::mem::replace(&mut keys[random.below(1000) as usize], key);
        drop(timers.cancel(old));
        run(&timers, now);
    }
    let (heap, slab) = capacity(&timers);
    assert!(heap <= 4096 && slab <= 1024, "{heap} entries, {slab} slots");
}

#[test]
fn a_few_keep_their_memory() {
    let timers = Timers::new();
    let keys: Vec<_> = (0..100)
        .map(|when| add(&timers, when, Waker::noop().clone()))
        .collect();
    let before = capacity(&timers);
    keys.into_iter().for_each(|key| drop(timers.cancel(key)));
    assert_eq!(capacity(&timers), before);
    assert!(before.0 > 0 && before.0 <= KEEP);
}
