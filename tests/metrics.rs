//! `runtime::metrics`: each figure says what it is said to.

mod support;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use gort::runtime::{RuntimeMetrics, max_procs, metrics, num_goroutines, set_max_procs};
use gort::time::{sleep, timeout};
use gort::{Wait, task};
use support::{Event, Latch, until, watchdog};

const FOR_EVER: Duration = Duration::from_secs(3600);

/// The tests of this file look at what all share.
fn alone(procs: usize) -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    until(|| num_goroutines() == 0);
    set_max_procs(procs);
    alone
}

fn sum(metrics: &RuntimeMetrics, of: impl Fn(&RuntimeMetrics, usize) -> u64) -> u64 {
    (0..metrics.num_workers()).map(|worker| of(metrics, worker)).sum()
}

fn polls() -> u64 {
    sum(&metrics(), RuntimeMetrics::worker_poll_count)
}

fn burn(time: Duration) {
    let start = Instant::now();
    while start.elapsed() < time {}
}

#[test]
fn workers_tasks_stacks_and_timers() {
    let _watchdog = watchdog("workers_tasks_stacks_and_timers");
    let _alone = alone(3);
    assert_eq!(metrics().num_workers(), max_procs());
    let timers = metrics().num_timers();
    let events: Vec<_> = (0..12).map(|_| Event::new()).collect();
    let all: Vec<_> = events
        .iter()
        .cloned()
        .enumerate()
        .map(|(i, event)| {
            let waits = async {
                timeout(FOR_EVER, event).await.unwrap();
            };
            if i < 5 {
                gort::go(|| waits.wait())
            } else {
                gort::spawn(waits)
            }
        })
        .collect();
    until(|| metrics().num_timers() == timers + 12);
    until(|| metrics().num_idle_workers() == 3);
    let now = metrics();
    assert_eq!(now.num_alive_tasks(), 12, "{now:?}");
    assert_eq!(now.num_stacks_in_use(), 5, "{now:?}");
    assert!(now.num_stacks() >= 5, "{now:?}");
    assert_eq!(now.global_queue_depth(), 0, "{now:?}");
    assert!(now.num_threads() > now.num_idle_threads(), "{now:?}");
    // An M is in the poller.
    until(|| metrics().since_last_poll().is_none());
    events.iter().for_each(Event::set);
    all.into_iter().for_each(|one| one.wait().unwrap());
    until(|| metrics().num_stacks_in_use() == 0 && metrics().num_timers() == timers);
    assert!(std::panic::catch_unwind(|| metrics().worker_poll_count(3)).is_err());
}

#[test]
fn each_poll_counts_once() {
    let _watchdog = watchdog("each_poll_counts_once");
    let _alone = alone(2);
    let before = polls();
    const YIELDS: u64 = 10_000;
    gort::spawn(async {
        for _ in 0..YIELDS {
            task::yield_now().await;
        }
    })
    .wait()
    .unwrap();
    until(|| metrics().num_idle_workers() == 2);
    // Nothing counts while there is nothing to run. The scavenger and the like run now and then.
    let counted = polls() - before;
    assert!((YIELDS + 1..YIELDS + 50).contains(&counted), "{counted}");
}

#[test]
fn queues() {
    let _watchdog = watchdog("queues");
    let _alone = alone(1);
    // Long enough for a look, and too short for the processor to be taken: as a rule.
    until(|| {
        let looked = gort::spawn(async {
            let local: Vec<_> = (0..10).map(|_| gort::spawn(async {})).collect();
            let foreign = thread::spawn(|| (0..20).map(|_| gort::spawn(async {})).collect::<Vec<_>>());
            while !foreign.is_finished() {
                std::hint::spin_loop();
            }
            let now = metrics();
            for one in local.into_iter().chain(foreign.join().unwrap()) {
                one.await.unwrap();
            }
            (now.worker_local_queue_depth(0), now.global_queue_depth())
        });
        looked.wait().unwrap() == (10, 20)
    });
    until(|| metrics().worker_local_queue_depth(0) == 0);
}

#[test]
fn steals_and_parks() {
    let _watchdog = watchdog("steals_and_parks");
    let _alone = alone(2);
    let before = metrics();
    until(|| {
        gort::spawn(async {
            let all: Vec<_> = (0..50)
                .map(|_| gort::spawn(async { burn(Duration::from_micros(200)) }))
                .collect();
            for one in all {
                one.await.unwrap();
            }
        })
        .wait()
        .unwrap();
        let now = metrics();
        sum(&now, RuntimeMetrics::worker_steal_operations)
            > sum(&before, RuntimeMetrics::worker_steal_operations)
            && sum(&now, RuntimeMetrics::worker_park_count) > sum(&before, RuntimeMetrics::worker_park_count)
    });
    let now = metrics();
    let operations = sum(&now, RuntimeMetrics::worker_steal_operations);
    assert!(
        sum(&now, RuntimeMetrics::worker_steal_count) >= operations,
        "{now:?}"
    );
}

#[test]
fn retakes() {
    let _watchdog = watchdog("retakes");
    let _alone = alone(1);
    let before = metrics();
    until(|| {
        gort::spawn(async { thread::sleep(Duration::from_millis(20)) })
            .wait()
            .unwrap();
        metrics().blocked_retake_count() > before.blocked_retake_count()
    });
    until(|| {
        let burner = gort::spawn(async { burn(Duration::from_millis(100)) });
        let other = gort::spawn(async {});
        burner.wait().unwrap();
        other.wait().unwrap();
        metrics().busy_retake_count() > before.busy_retake_count()
    });
    until(|| {
        let burner = gort::spawn(async { burn(Duration::from_millis(30)) });
        let timer = gort::spawn(sleep(Duration::from_millis(5)));
        burner.wait().unwrap();
        timer.wait().unwrap();
        metrics().loan_count() > before.loan_count()
    });
    let now = metrics();
    assert!(
        now.worker_retake_count(0) >= before.worker_retake_count(0) + 3,
        "{now:?}"
    );
}

#[test]
fn yields_at_the_end_of_a_slice() {
    let _watchdog = watchdog("yields_at_the_end_of_a_slice");
    let _alone = alone(1);
    let before = metrics().budget_forced_yield_count();
    gort::go(move || {
        while metrics().budget_forced_yield_count() == before {
            gort::block_on(async {});
        }
    })
    .wait()
    .unwrap();
}

#[test]
fn world_stops() {
    let _watchdog = watchdog("world_stops");
    let _alone = alone(2);
    let before = metrics().world_stop_count();
    for n in 1..=10 {
        set_max_procs(n);
    }
    assert_eq!(metrics().world_stop_count(), before + 10);
}

#[test]
fn blocking_threads() {
    let _watchdog = watchdog("blocking_threads");
    let _alone = alone(2);
    /// How many run at once.
    const THREADS: usize = 512;
    let latch = Latch::new();
    let jobs: Vec<_> = (0..THREADS + 7)
        .map(|_| {
            let latch = latch.clone();
            task::spawn_blocking(move || latch.pass())
        })
        .collect();
    until(|| metrics().blocking_queue_depth() == 7);
    let now = metrics();
    assert_eq!(now.num_blocking_threads(), THREADS, "{now:?}");
    assert_eq!(now.num_idle_blocking_threads(), 0, "{now:?}");
    assert!(now.num_threads() > THREADS, "{now:?}");
    latch.open();
    jobs.into_iter().for_each(|job| job.wait().unwrap());
    until(|| {
        let now = metrics();
        now.blocking_queue_depth() == 0 && now.num_idle_blocking_threads() == now.num_blocking_threads()
    });
}
