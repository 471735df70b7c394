//! What `cancel` and `update` do with a key before its timer fires, after, and when its slot has another.

use super::*;

#[test]
fn cancel_before_it_fires_returns_its_waker() {
    let (timers, log) = (Timers::new(), Log::default());
    let key = add(&timers, 10, log.waker(1));
    let other = add(&timers, 10, log.waker(2));
    timers.cancel(key).expect("live").wake();
    assert_eq!(log.take(), [1]);
    assert!(timers.cancel(key).is_none(), "only once");
    run(&timers, 10);
    assert_eq!(log.take(), [2]);
    assert!(timers.cancel(other).is_none(), "it has fired");
}

#[test]
fn cancel_from_inside_run_finds_it_gone() {
    let (timers, log) = (Timers::new(), Log::default());
    let key = add(&timers, 10, log.waker(1));
    let mut found = None;
    timers.run(10, &mut |_| found = Some(timers.cancel(key).is_some()));
    assert_eq!(found, Some(false));
}

#[test]
fn a_stale_key_touches_nothing() {
    let (timers, log) = (Timers::new(), Log::default());
    let fired = add(&timers, 1, log.waker(1));
    run(&timers, 1);
    let cancelled = add(&timers, 2, log.waker(2));
    drop(timers.cancel(cancelled));
    let key = add(&timers, 3, log.waker(3));
    assert_eq!(
        (fired.slot, cancelled.slot),
        (key.slot, key.slot),
        "one slot, three timers"
    );
    log.take();
    for stale in [fired, cancelled, Key { slot: 77, seq: 1 }] {
        assert!(timers.cancel(stale).is_none());
        assert!(!timers.update(stale, &log.waker(4)));
    }
    run(&timers, 3);
    assert_eq!(log.take(), [3]);
}

#[test]
fn keys_stay_stale_after_the_memory_was_given_back() {
    let (timers, log) = (Timers::new(), Log::default());
    let waker = log.waker(0);
    let keys: Vec<_> = (0..5000).map(|when| add(&timers, when, waker.clone())).collect();
    run(&timers, 5000);
    let key = add(&timers, 1, log.waker(1));
    assert!(keys.iter().all(|&key| timers.cancel(key).is_none()));
    assert!(timers.cancel(key).is_some());
}

#[test]
fn update_replaces_the_waker() {
    let (timers, log) = (Timers::new(), Log::default());
    let key = add(&timers, 10, log.waker(1));
    assert!(timers.update(key, &log.waker(2)));
    run(&timers, 10);
    assert_eq!(log.take(), [2]);
    assert!(!timers.update(key, &log.waker(3)));
}
