//! Timers fire in the order of their deadlines, exactly when these have come.

use super::super::BATCH;
use super::*;

#[test]
fn none() {
    let timers = Timers::new();
    assert_eq!(
        (timers.next_when(), timers.earliest(), timers.len()),
        (u64::MAX, u64::MAX, 0)
    );
    assert_eq!(run(&timers, u64::MAX), u64::MAX);
}

#[test]
fn by_deadline_and_not_a_nanosecond_early() {
    let (timers, log) = (Timers::new(), Log::default());
    for when in [50, 10, 40, 20, 30] {
        timers.add(u64::from(when), log.waker(when));
    }
    assert_eq!(run(&timers, 9), 10);
    assert_eq!(log.take(), []);
    assert_eq!(run(&timers, 10), 20);
    assert_eq!(log.take(), [10]);
    assert_eq!(run(&timers, 39), 40);
    assert_eq!(log.take(), [20, 30]);
    assert_eq!(timers.len(), 2);
    assert_eq!(run(&timers, 1000), u64::MAX);
    assert_eq!(log.take(), [40, 50]);
    assert!(timers.is_empty());
}

#[test]
fn equal_deadlines_fire_in_the_order_of_adding() {
    let (timers, log) = (Timers::new(), Log::default());
    let count = 10 * BATCH as u32 + 1;
    for id in 0..count {
        timers.add(7, log.waker(id));
    }
    assert_eq!(run(&timers, 7), u64::MAX);
    assert!(log.take().into_iter().eq(0..count));
}

#[test]
fn slots_used_again_do_not_change_the_order_of_equals() {
    let (timers, log) = (Timers::new(), Log::default());
    let keys: Vec<_> = (0..8).map(|id| add(&timers, 5, log.waker(id))).collect();
    for key in [keys[1], keys[6], keys[3]] {
        assert!(timers.cancel(key).is_some());
    }
    for id in 8..11 {
        timers.add(5, log.waker(id));
    }
    run(&timers, 5);
    assert_eq!(log.take(), [0, 2, 4, 5, 7, 8, 9, 10]);
}

#[test]
fn add_says_whether_it_is_the_earliest() {
    let (timers, log) = (Timers::new(), Log::default());
    let mut earliest = |when| timers.add(when, log.waker(0)).1;
    assert_eq!(
        [20, 30, 20, 10, 15, 9].map(&mut earliest),
        [true, false, false, true, false, true]
    );
    assert_eq!(timers.next_when(), 9);
}

#[test]
fn the_end_of_time_never_comes() {
    let (timers, log) = (Timers::new(), Log::default());
    let (key, earliest) = timers.add(u64::MAX, log.waker(1));
    assert!(!earliest);
    assert_eq!(run(&timers, u64::MAX - 1), u64::MAX);
    assert_eq!((log.take(), timers.len()), (vec![], 1));
    assert!(timers.cancel(key).is_some());
}

#[test]
fn a_cancelled_top_makes_next_when_early_until_earliest_is_asked() {
    let (timers, log) = (Timers::new(), Log::default());
    let key = add(&timers, 10, log.waker(0));
    timers.add(20, log.waker(1));
    drop(timers.cancel(key));
    assert_eq!(timers.next_when(), 10);
    assert_eq!(timers.earliest(), 20);
    assert_eq!(timers.next_when(), 20);

    let key = add(&timers, 10, log.waker(2));
    drop(timers.cancel(key));
    assert_eq!(run(&timers, 10), 20, "run drops it too once it is due");
    assert_eq!(log.take(), []);
}

#[test]
fn cancelling_the_last_leaves_no_deadline() {
    let (timers, log) = (Timers::new(), Log::default());
    for when in 0..100 {
        let key = add(&timers, when, log.waker(0));
        drop(timers.cancel(key));
        assert_eq!((timers.next_when(), timers.len()), (u64::MAX, 0));
    }
}
