//! Wakers that use the timers themselves: nothing of theirs runs under the lock (rule 8).

use super::*;
use std::ptr;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::task::{RawWaker, RawWakerVTable};

/// Uses the timers when it is woken and when it is dropped.
struct Meddler {
    timers: Arc<Timers>,
    dropped: Arc<AtomicU32>,
}

impl Meddler {
    fn waker(timers: &Arc<Timers>, dropped: &Arc<AtomicU32>) -> Waker {
        Waker::from(Arc::new(Self {
            timers: Arc::clone(timers),
            dropped: Arc::clone(dropped),
        }))
    }
}

impl Wake for Meddler {
    fn wake(self: Arc<Self>) {
        run(&self.timers, 0);
    }
}

impl Drop for Meddler {
    fn drop(&mut self) {
        let key = add(&self.timers, u64::MAX, Waker::noop().clone());
        assert!(self.timers.cancel(key).is_some());
        self.dropped.fetch_add(1, SeqCst);
    }
}

#[test]
fn a_drop_that_touches_the_timers_does_not_deadlock() {
    let (timers, dropped) = (Arc::new(Timers::new()), Arc::default());
    let meddler = || Meddler::waker(&timers, &dropped);
    let count = || dropped.load(SeqCst);

    let key = add(&timers, 10, meddler());
    drop(timers.cancel(key));
    assert_eq!(count(), 1, "cancelled");

    let key = add(&timers, 10, meddler());
    assert!(timers.update(key, &meddler()));
    assert_eq!(count(), 2, "updated: the old one");
    run(&timers, 10);
    assert_eq!(count(), 3, "fired");
    assert!(!timers.update(key, &meddler()));
    assert_eq!(count(), 4, "not taken");

    timers.add(10, meddler());
    timers.run(10, &mut drop);
    assert_eq!(count(), 5, "dropped by ready");
}

#[test]
fn timers_added_by_ready_do_not_keep_run_going() {
    let timers = Timers::new();
    for _ in 0..100 {
        timers.add(0, Waker::noop().clone());
    }
    let mut fired = 0;
    let next = timers.run(0, &mut |waker| {
        fired += 1;
        timers.add(0, waker);
    });
    assert_eq!(
        (fired, next, timers.len()),
        (100, 0, 100),
        "and it says that they are due"
    );
}

#[test]
fn a_waker_that_runs_the_timers_it_is_in() {
    let (timers, dropped) = (Arc::new(Timers::new()), Arc::default());
    timers.add(10, Meddler::waker(&timers, &dropped));
    timers.add(10, Meddler::waker(&timers, &dropped));
    assert_eq!(run(&timers, 10), u64::MAX);
    assert_eq!(dropped.load(SeqCst), 2);
}

#[test]
fn an_interval_adds_itself_again() {
    let (timers, log) = (Timers::new(), Log::default());
    timers.add(10, log.waker(1));
    for now in 0..100 {
        let next = timers.run(now, &mut |waker| {
            waker.wake_by_ref();
            timers.add(now + 10, waker);
        });
        assert_eq!(next, if now < 10 { 10 } else { now - now % 10 + 10 });
    }
    assert_eq!(log.take(), [1; 9]);
}

static CLONED: Timers = Timers::new();
static CLONES: AtomicU32 = AtomicU32::new(0);

fn counting_clone(_: *const ()) -> RawWaker {
    CLONES.fetch_add(1, SeqCst);
    CLONED.earliest();
    RawWaker::new(ptr::without_provenance(1), &COUNTING)
}

fn nothing(_: *const ()) {
    CLONED.earliest();
}

static COUNTING: RawWakerVTable = RawWakerVTable::new(counting_clone, nothing, nothing, nothing);

#[test]
fn update_clones_outside_the_lock_and_only_if_it_must() {
    // SAFETY: the vtable's functions use no data.
    let [old, new] = [1, 2].map(|data| unsafe { Waker::new(ptr::without_provenance(data), &COUNTING) });
    let key = add(&CLONED, 10, old.clone());
    assert_eq!(CLONES.load(SeqCst), 1);
    assert!(CLONED.update(key, &old));
    assert_eq!(CLONES.load(SeqCst), 1, "the same waker");
    assert!(CLONED.update(key, &new));
    assert_eq!(CLONES.load(SeqCst), 2, "another one");
    drop(CLONED.cancel(key));
    assert!(!CLONED.update(key, &new));
    assert_eq!(CLONES.load(SeqCst), 2, "nothing to replace");
}
