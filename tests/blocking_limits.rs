//! How many threads `blocking` and `spawn_blocking` use, and what happens past the limits of the pool and of the process.
//! What both do when the system refuses threads is in `no_threads.rs`.

mod support;

use std::collections::HashSet;
use std::os::unix::process::ExitStatusExt;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Barrier};
use std::task::{Context, Wake, Waker};
use std::thread;
use std::time::Duration;

use gort::task::spawn_blocking;
use gort::{Wait, blocking, runtime};
use support::programs::Left;
use support::{Counter, Latch, OnDrop, is_child, proc, run_child, until, watchdog};

/// How many jobs run at the same time, and how many calls before there are more threads one by one.
const THREADS: usize = 512;

/// How many blocking threads the process has.
fn blocking_threads() -> usize {
    proc::threads("gort-b").len()
}

/// Runs the test `name` in a process of its own, if this is not that. It says nothing unless `left` expects it.
fn in_child(name: &'static str, env: &[(&str, &str)], body: impl FnOnce()) -> Option<Left> {
    if is_child(name) {
        support::no_core();
        let _watchdog = watchdog(name);
        body();
        return None;
    }
    Some(Left::from(run_child(name, env)))
}

#[test]
fn threads_are_used_again_and_end() {
    let test = "threads_are_used_again_and_end";
    let left = in_child(test, &[], || {
        let mut threads = HashSet::new();
        for _ in 0..1000 {
            threads.insert(spawn_blocking(|| thread::current().id()).wait().unwrap());
            threads.insert(gort::go(|| blocking(|| thread::current().id())).wait().unwrap());
        }
        // The one that has just ended its work may not be asleep yet when the next is there.
        assert!(threads.len() <= 16, "{}", threads.len());
        assert!((1..=16).contains(&blocking_threads()));
        assert!(proc::comes_true(Duration::from_secs(100), || blocking_threads() == 0));
        assert_eq!(gort::go(|| blocking(|| 5)).wait().unwrap(), 5);
        assert_eq!(blocking_threads(), 1);
    });
    if let Some(left) = left {
        left.assert_quiet(0);
    }
}

#[test]
fn so_many_jobs_run_at_once_and_the_others_wait() {
    let test = "so_many_jobs_run_at_once_and_the_others_wait";
    let left = in_child(test, &[], || {
        let (begun, gate) = (Counter::new(), Latch::new());
        let jobs: Vec<_> = (0..2 * THREADS)
            .map(|i| {
                let (begun, at) = (begun.clone(), gate.clone());
                spawn_blocking(move || {
                    begun.add();
                    at.pass();
                    i
                })
            })
            .collect();
        until(|| begun.get() == THREADS);
        // The others do not, and calls do not wait behind them.
        assert_eq!(gort::go(|| blocking(|| 6)).wait().unwrap(), 6);
        assert_eq!((begun.get(), blocking_threads()), (THREADS, THREADS + 1));
        gate.open();
        for (i, job) in jobs.into_iter().enumerate() {
            assert_eq!(job.wait().unwrap(), i);
        }
        assert_eq!(begun.get(), 2 * THREADS);
    });
    if let Some(left) = left {
        left.assert_quiet(0);
    }
}

/// None of the calls ends before all have begun, more than have threads at first.
#[test]
fn calls_may_wait_for_one_another() {
    const CALLS: usize = THREADS + 40;
    let test = "calls_may_wait_for_one_another";
    let left = in_child(test, &[], || {
        let all = Arc::new(Barrier::new(CALLS));
        let leaders = Arc::new(AtomicUsize::new(0));
        let calls: Vec<_> = (0..CALLS)
            .map(|_| {
                let (all, leaders) = (all.clone(), leaders.clone());
                gort::go(move || {
                    let is_leader = blocking(|| all.wait().is_leader());
                    leaders.fetch_add(usize::from(is_leader), SeqCst);
                })
            })
            .collect();
        calls.into_iter().for_each(|call| call.wait().unwrap());
        assert_eq!(leaders.load(SeqCst), 1);
        // And not one more because one of them took its time to begin.
        assert_eq!(blocking_threads(), CALLS);
    });
    if let Some(left) = left {
        left.assert_quiet(0);
    }
}

/// Short calls in plenty need no more threads than that.
#[test]
fn short_calls_wait_their_turn() {
    let test = "short_calls_wait_their_turn";
    let left = in_child(test, &[], || {
        let calls: Vec<_> = (0..20_000)
            .map(|i| {
                gort::Builder::new()
                    .stack_size(64 << 10)
                    .go(move || blocking(|| i))
                    .unwrap()
            })
            .collect();
        for (i, call) in calls.into_iter().enumerate() {
            assert_eq!(call.wait().unwrap(), i);
        }
        // A few more if calls seemed to stall.
        assert!(blocking_threads() < 2 * THREADS);
    });
    if let Some(left) = left {
        left.assert_quiet(0);
    }
}

/// Go's words, once, and all goroutines.
#[track_caller]
fn assert_exhausted(left: &Left, limit: usize) {
    let words = format!("runtime: program exceeds {limit}-thread limit\nfatal error: thread exhaustion\n");
    assert!(left.err.starts_with(&words), "{left:?}");
    assert_eq!(left.lines("fatal error: ").len(), 1, "{left:?}");
    assert_eq!(left.status.signal(), Some(libc::SIGABRT), "{left:?}");
}

#[test]
fn too_many_calls_are_fatal() {
    let left = in_child("too_many_calls_are_fatal", &[("GOMAXPROCS", "2")], || {
        assert_eq!(runtime::set_max_threads(20), 10_000);
        let all = Arc::new(Barrier::new(21));
        for _ in 0..20 {
            let all = all.clone();
            gort::go(move || blocking(|| all.wait()));
        }
        all.wait();
    });
    if let Some(left) = left {
        assert_exhausted(&left, 20);
        let shown = left.lines("goroutine ");
        assert!(shown.iter().any(|line| line.contains(" [blocking")), "{left:?}");
    }
}

#[test]
fn too_many_blocked_ms_are_fatal() {
    let left = in_child("too_many_blocked_ms_are_fatal", &[("GOMAXPROCS", "2")], || {
        runtime::set_max_threads(10);
        for _ in 0..10 {
            gort::go(|| {
                // While it unwinds, what waits blocks its thread.
                let _waits = OnDrop(|| std::future::pending::<()>().wait());
                std::panic::resume_unwind(Box::new(()));
            });
        }
        std::future::pending::<()>().wait();
    });
    if let Some(left) = left {
        assert_exhausted(&left, 10);
    }
}

#[test]
fn fewer_than_there_are_is_fatal() {
    let left = in_child("fewer_than_there_are_is_fatal", &[], || {
        assert_eq!(runtime::set_max_threads(1_000_000), 10_000);
        let most = runtime::set_max_threads(10_000);
        assert!((10_000..1_000_000).contains(&most));
        spawn_blocking(|| {}).wait().unwrap();
        runtime::set_max_threads(1);
    });
    if let Some(left) = left {
        assert_exhausted(&left, 1);
    }
}

/// Jobs wait for the threads that there may be.
#[test]
fn jobs_make_do_with_the_threads_that_there_may_be() {
    let test = "jobs_make_do_with_the_threads_that_there_may_be";
    let left = in_child(test, &[("GOMAXPROCS", "2")], || {
        runtime::set_max_threads(20);
        let jobs: Vec<_> = (0..200)
            .map(|i| {
                spawn_blocking(move || {
                    thread::sleep(Duration::from_millis(1));
                    i
                })
            })
            .collect();
        for (i, job) in jobs.into_iter().enumerate() {
            assert_eq!(job.wait().unwrap(), i);
        }
        assert!(blocking_threads() < 20);
    });
    if let Some(left) = left {
        left.assert_quiet(0);
    }
}

fn overflow() {
    support::recurse(usize::MAX);
}

/// The overflow of a blocking thread, and whose it is: what was made in this file.
#[track_caller]
fn assert_overflow(left: &Left) {
    let lines: Vec<&str> = left.err.lines().collect();
    let ["fatal error: stack overflow", "", whose, created, remedy] = lines[..] else {
        panic!("{left:?}");
    };
    assert!(
        whose.starts_with("goroutine ") && whose.ends_with(": its stack of 2048 KiB is used up"),
        "{left:?}"
    );
    assert!(
        created.contains("created at tests/blocking_limits.rs:"),
        "{left:?}"
    );
    assert!(remedy.contains("that is a blocking thread's"), "{left:?}");
    assert_eq!(left.status.signal(), Some(libc::SIGABRT), "{left:?}");
}

#[test]
fn an_overflow_is_reported() {
    let left = in_child("an_overflow_is_reported", &[], || {
        spawn_blocking(overflow).wait().unwrap();
    });
    left.iter().for_each(assert_overflow);
}

#[test]
fn an_overflow_in_a_call_is_reported() {
    let left = in_child("an_overflow_in_a_call_is_reported", &[], || {
        gort::go(|| blocking(overflow)).wait().unwrap();
    });
    left.iter().for_each(assert_overflow);
}

/// What nobody wants is dropped where it was made.
#[test]
fn an_overflow_in_the_drop_of_an_output_is_reported() {
    let left = in_child("an_overflow_in_the_drop_of_an_output_is_reported", &[], || {
        let gate = Latch::new();
        let at = gate.clone();
        drop(spawn_blocking(move || {
            at.pass();
            OnDrop(overflow)
        }));
        gate.open();
        loop {
            thread::park();
        }
    });
    left.iter().for_each(assert_overflow);
}

#[test]
fn an_overflow_in_the_wake_of_who_joins_is_reported() {
    struct Overflows;

    impl Wake for Overflows {
        fn wake(self: Arc<Self>) {
            overflow();
        }
    }

    let left = in_child("an_overflow_in_the_wake_of_who_joins_is_reported", &[], || {
        let gate = Latch::new();
        let at = gate.clone();
        let mut job = spawn_blocking(move || at.pass());
        let waker = Waker::from(Arc::new(Overflows));
        assert!(
            Pin::new(&mut job)
                .poll(&mut Context::from_waker(&waker))
                .is_pending()
        );
        gate.open();
        loop {
            thread::park();
        }
    });
    left.iter().for_each(assert_overflow);
}
