//! Dumps of a hundred thousand, while others come and go.

#![allow(clippy::print_stdout, reason = "figures belong to the tests' output")]

mod support;

use std::collections::HashSet;
use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, mpsc};
use std::task::Poll;
use std::time::{Duration, Instant};

use gort::Wait;
use support::dumps::dump;
use support::{is_child, run_child_and_show, until, watchdog_within};

/// Far longer than it takes on a loaded machine.
const LIMIT: Duration = Duration::from_secs(300);

const MANY: usize = 100_000;
/// Of these, as many have a stack.
const GOROUTINES: usize = 20_000;

/// So many wait, others begin and end, and all that wait are in every dump, once.
#[test]
fn a_hundred_thousand() {
    let name = "a_hundred_thousand";
    if !is_child(name) {
        for procs in ["1", "4"] {
            run_child_and_show(name, &[("GOMAXPROCS", procs)]);
        }
        return;
    }
    let _watchdog = watchdog_within(name, LIMIT);
    let came = Arc::new(AtomicUsize::new(0));
    let wait = |came: &Arc<AtomicUsize>| {
        let came = came.clone();
        poll_fn(move |cx| {
            std::mem::forget(cx.waker().clone());
            came.fetch_add(1, SeqCst);
            Poll::<()>::Pending
        })
    };
    let mut waiting = HashSet::new();
    for i in 0..MANY {
        let future = wait(&came);
        let handle = if i < GOROUTINES {
            gort::go(move || future.wait())
        } else {
            gort::spawn(future)
        };
        waiting.insert(handle.id().to_string());
        std::mem::forget(handle);
    }
    until(|| came.load(SeqCst) == MANY);
    let (stop, ended) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let (done, all_done) = mpsc::channel::<()>();
    let longest_pause = Arc::new(AtomicUsize::new(0));
    let pause = longest_pause.clone();
    for i in 0..4 {
        let (stop, ended, done) = (stop.clone(), ended.clone(), done.clone());
        gort::spawn(async move {
            while !stop.load(SeqCst) {
                if i % 2 == 0 {
                    gort::spawn(async { gort::task::yield_now().await })
                        .await
                        .unwrap();
                } else {
                    gort::go(|| gort::task::yield_now().wait()).await.unwrap();
                }
                ended.fetch_add(1, SeqCst);
            }
            drop(done);
        });
    }
    drop(done);
    let stop_pausing = stop.clone();
    gort::spawn(async move {
        let mut last = Instant::now();
        while !stop_pausing.load(SeqCst) {
            gort::task::yield_now().await;
            let now = Instant::now();
            pause.fetch_max((now - last).as_micros() as usize, SeqCst);
            last = now;
        }
    });
    for _ in 0..5 {
        longest_pause.store(0, SeqCst);
        let before = ended.load(SeqCst);
        let begun = Instant::now();
        let dump = dump();
        let took = begun.elapsed();
        println!(
            "{} bytes in {took:.1?}, while {} ended and one that yields waited at most {} us for its turn",
            dump.len(),
            ended.load(SeqCst) - before,
            longest_pause.load(SeqCst),
        );
        let mut seen = HashSet::new();
        for line in dump
            .lines()
            .filter(|line| !line.starts_with('\t') && line.ends_with(':'))
        {
            let id = line.split(' ').nth(1).unwrap();
            if waiting.contains(id) {
                assert!(line.contains("[waiting"), "{line}");
            }
            assert!(seen.insert(id.to_owned()), "twice: {line}");
        }
        assert!(waiting.is_subset(&seen));
    }
    stop.store(true, SeqCst);
    assert!(all_done.recv().is_err());
}
