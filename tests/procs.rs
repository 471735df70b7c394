//! `set_max_procs`: the world stops, and goes on with another number of processors; nothing is lost.

mod support;

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::task::Poll;
use std::time::{Duration, Instant};

use gort::runtime::{max_procs, set_max_procs};
use gort::time::{sleep, timeout};
use gort::{Wait, task};
use support::watchdog;

/// The tests of this file change what all share.
static ONE_AT_A_TIME: std::sync::Mutex<()> = std::sync::Mutex::new(());

#[test]
fn it_says_what_it_was() {
    let _watchdog = watchdog("it_says_what_it_was");
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(|e| e.into_inner());
    let first = set_max_procs(3);
    assert_eq!(max_procs(), 3);
    assert_eq!(set_max_procs(5), 3);
    assert_eq!(set_max_procs(usize::MAX), 5);
    assert_eq!(set_max_procs(1), 1024);
    // From a goroutine and from a task.
    assert_eq!(gort::go(|| set_max_procs(2)).wait().unwrap(), 1);
    assert_eq!(gort::spawn(async { set_max_procs(4) }).wait().unwrap(), 2);
    assert_eq!(set_max_procs(first), 4);
    assert!(std::panic::catch_unwind(|| set_max_procs(0)).is_err());
    assert_eq!(max_procs(), first);
}

/// So many run at the same time, and no more.
#[test]
fn so_many_run() {
    let _watchdog = watchdog("so_many_run");
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(|e| e.into_inner());
    let first = max_procs();
    for n in [1, 4, 2, 3] {
        set_max_procs(n);
        let running = Arc::new(AtomicUsize::new(0));
        let most = Arc::new(AtomicUsize::new(0));
        let tasks: Vec<_> = (0..8)
            .map(|_| {
                let (running, most) = (running.clone(), most.clone());
                gort::spawn(async move {
                    for _ in 0..500 {
                        most.fetch_max(running.fetch_add(1, Relaxed) + 1, Relaxed);
                        // Far less than a slice: nobody is overtaken for it.
                        let start = Instant::now();
                        while start.elapsed() < Duration::from_micros(20) {}
                        running.fetch_sub(1, Relaxed);
                        task::yield_now().await;
                    }
                })
            })
            .collect();
        for task in tasks {
            task.wait().unwrap();
        }
        let most = most.load(Relaxed);
        // A thread that the kernel keeps from running in the middle may be overtaken, on a loaded machine.
        assert!(most <= n + 4, "{most} at once on {n} processors");
        assert!(n == 1 || most > 1, "one at a time on {n} processors");
    }
    set_max_procs(first);
}

/// Timers of a processor that goes fire, and can be cancelled.
#[test]
fn timers_of_a_processor_that_goes() {
    let _watchdog = watchdog("timers_of_a_processor_that_goes");
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(|e| e.into_inner());
    const PROCS: usize = 8;
    const SOON: Duration = Duration::from_millis(50);
    const FOR_EVER: Duration = Duration::from_secs(3600);
    let first = set_max_procs(PROCS);
    let begun = Arc::new(AtomicUsize::new(0));
    let armed = Arc::new(AtomicUsize::new(0));
    let tasks: Vec<_> = (0..PROCS)
        .map(|_| {
            let (begun, armed) = (begun.clone(), armed.clone());
            gort::spawn(async move {
                // None goes on before all have begun: each is on a processor of its own, and so are its timers.
                begun.fetch_add(1, Relaxed);
                while begun.load(Relaxed) < PROCS {
                    std::thread::yield_now();
                }
                let mut fires = pin!(sleep(SOON));
                let mut is_cancelled = pin!(timeout(FOR_EVER, sleep(SOON)));
                poll_fn(|cx| {
                    assert!(fires.as_mut().poll(cx).is_pending());
                    assert!(is_cancelled.as_mut().poll(cx).is_pending());
                    Poll::Ready(())
                })
                .await;
                armed.fetch_add(1, Relaxed);
                fires.await;
                is_cancelled.await.unwrap();
            })
        })
        .collect();
    while armed.load(Relaxed) < PROCS {
        std::thread::yield_now();
    }
    set_max_procs(1);
    for task in tasks {
        task.wait().unwrap();
    }
    set_max_procs(first);
}

/// What stands in the queue of a processor that goes runs on those that are left.
#[test]
fn the_queue_of_a_processor_that_goes() {
    let _watchdog = watchdog("the_queue_of_a_processor_that_goes");
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(|e| e.into_inner());
    const PROCS: usize = 4;
    const EACH: usize = 50;
    let first = set_max_procs(PROCS);
    let begun = Arc::new(AtomicUsize::new(0));
    let gone = Arc::new(AtomicBool::new(false));
    let ran = Arc::new(AtomicUsize::new(0));
    let tasks: Vec<_> = (0..PROCS)
        .map(|_| {
            let (begun, gone, ran) = (begun.clone(), gone.clone(), ran.clone());
            gort::spawn(async move {
                for _ in 0..EACH {
                    let ran = ran.clone();
                    drop(gort::spawn(async move { _ = ran.fetch_add(1, Relaxed) }));
                }
                begun.fetch_add(1, Relaxed);
                // Nobody steals: the other processors are as busy.
                while !gone.load(Relaxed) {}
            })
        })
        .collect();
    while begun.load(Relaxed) < PROCS {
        std::thread::yield_now();
    }
    set_max_procs(1);
    gone.store(true, Relaxed);
    for task in tasks {
        task.wait().unwrap();
    }
    while ran.load(Relaxed) < PROCS * EACH {
        std::thread::yield_now();
    }
    set_max_procs(first);
}

/// The number changes all the time, under everything that can go on.
#[test]
fn cycling_under_load() {
    let _watchdog = watchdog("cycling_under_load");
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(|e| e.into_inner());
    let first = max_procs();
    let stop = Arc::new(AtomicBool::new(false));
    let mut workers = Vec::new();
    for kind in 0..12 {
        let stop = stop.clone();
        workers.push(gort::go(move || {
            let mut rounds = 0_u64;
            while !stop.load(Relaxed) {
                match kind % 6 {
                    0 => gort::spawn(async { task::yield_now().await }).wait().unwrap(),
                    1 => sleep(Duration::from_micros(300)).wait(),
                    2 => drop(gort::go(|| gort::go(|| 1).wait().unwrap()).wait().unwrap()),
                    3 => std::thread::sleep(Duration::from_millis(2)),
                    4 => task::block_in_place(|| std::thread::sleep(Duration::from_micros(200))),
                    _ => {
                        let start = Instant::now();
                        while start.elapsed() < Duration::from_millis(3) {}
                        task::yield_now().wait();
                    }
                }
                rounds += 1;
            }
            rounds
        }));
    }
    for round in 0..400 {
        set_max_procs(1 + round % 8);
        sleep(Duration::from_millis(5)).wait();
    }
    stop.store(true, Relaxed);
    for worker in workers {
        assert!(worker.wait().unwrap() > 0);
    }
    set_max_procs(first);
}
