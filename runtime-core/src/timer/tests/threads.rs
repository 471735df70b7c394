//! Threads that add, cancel, update and run at once: each waker is fired once or returned by `cancel` once.

use super::*;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::SeqCst};

const ADDERS: usize = 3;
const RUNNERS: usize = 2;
const EACH: usize = 20_000;

#[derive(Default)]
struct Counted {
    fired: AtomicU32,
    cancelled: AtomicU32,
}

impl Wake for Counted {
    fn wake(self: Arc<Self>) {
        self.fired.fetch_add(1, SeqCst);
    }
}

/// Adds `EACH` timers and cancels one that it or another thread has added now and then.
fn add_and_cancel(
    timers: &Timers,
    clock: &AtomicU64,
    keys: &Mutex<Vec<(Key, Arc<Counted>)>>,
) -> Vec<Arc<Counted>> {
    let mut random = Random::new("each_waker_goes_one_way");
    let mut all = Vec::new();
    for _ in 0..EACH {
        let counted = Arc::new(Counted::default());
        let when = clock.load(SeqCst) + random.below(2000);
        let key = add(timers, when, Waker::from(Arc::clone(&counted)));
        assert!(
            timers.next_when() <= when || clock.load(SeqCst) >= when,
            "never late"
        );
        all.push(Arc::clone(&counted));
        let chosen = {
            let mut keys = keys.lock().expect("no panics");
            keys.push((key, counted));
            let nth = random.below(keys.len() as u64) as usize;
            if random.below(3) > 0 {
                Some(keys.swap_remove(nth))
            } else {
                keys.get(nth).cloned()
            }
        };
        let Some((key, counted)) = chosen else {
            continue;
        };
        if random.below(4) == 0 {
            timers.update(key, &Waker::from(Arc::clone(&counted)));
        } else if let Some(waker) = timers.cancel(key) {
            assert!(
                waker.will_wake(&Waker::from(Arc::clone(&counted))),
                "the key's own waker"
            );
            counted.cancelled.fetch_add(1, SeqCst);
        }
    }
    all
}

#[test]
fn each_waker_goes_one_way() {
    let (timers, clock, done) = (Timers::new(), AtomicU64::new(0), AtomicBool::new(false));
    let keys = Mutex::new(Vec::new());
    let all: Vec<_> = std::thread::scope(|scope| {
        let adders: Vec<_> = (0..ADDERS)
            .map(|_| scope.spawn(|| add_and_cancel(&timers, &clock, &keys)))
            .collect();
        for _ in 0..RUNNERS {
            scope.spawn(|| {
                while !done.load(SeqCst) {
                    run(&timers, clock.fetch_add(50, SeqCst));
                    std::thread::yield_now();
                }
            });
        }
        let all = adders
            .into_iter()
            .flat_map(|adder| adder.join().expect("no panics"))
            .collect();
        done.store(true, SeqCst);
        all
    });
    run(&timers, u64::MAX);
    assert_eq!((timers.len(), timers.next_when()), (0, u64::MAX));
    drop(keys);
    let mut fired = 0;
    for counted in &all {
        let ways = (counted.fired.load(SeqCst), counted.cancelled.load(SeqCst));
        assert!(ways == (1, 0) || ways == (0, 1), "{ways:?}: (fired, cancelled)");
        assert_eq!(Arc::strong_count(counted), 1, "no waker is left");
        fired += ways.0;
    }
    println!("{} timers: {fired} fired, the others were cancelled", all.len());
    assert!(fired > 0 && (fired as usize) < all.len());
}
