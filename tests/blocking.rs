//! Code that blocks its thread, on threads that are there for it: `blocking` and `spawn_blocking`. What both do when
//! the system refuses threads is in `no_threads.rs`.

mod support;

use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind, panic_any};
use std::process::Output;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Barrier, Mutex, mpsc};
use std::thread::{self, ThreadId};
use std::time::Duration;

use gort::task::{spawn_blocking, yield_now};
use gort::time::sleep;
use gort::{Wait, blocking, runtime};
use support::programs::Left;
use support::{Counter, Event, OnDrop, count_drop, is_child, proc, run_child, until, watchdog};

/// How many jobs run at the same time, and how many calls before there are more threads one by one.
const THREADS: usize = 512;

fn here() -> ThreadId {
    thread::current().id()
}

/// How many blocking threads the process has.
fn blocking_threads() -> usize {
    proc::threads("gort-b").len()
}

/// A gate that threads wait at until it is opened.
#[derive(Clone)]
struct Gate(Arc<(Mutex<bool>, std::sync::Condvar)>);

impl Gate {
    fn new() -> Gate {
        Gate(Arc::default())
    }

    fn pass(&self) {
        let (is_open, opened) = &*self.0;
        let _open = opened
            .wait_while(is_open.lock().unwrap(), |is_open| !*is_open)
            .unwrap();
    }

    fn open(&self) {
        *self.0.0.lock().unwrap() = true;
        self.0.1.notify_all();
    }
}

/// Runs the test `name` in a process of its own, if this is not that. It says nothing unless `left` expects it.
fn in_child(name: &'static str, env: &[(&str, &str)], body: impl FnOnce()) -> Option<Left> {
    if is_child(name) {
        support::no_core();
        let _watchdog = watchdog(name);
        body();
        return None;
    }
    let output: Output = run_child(name, env);
    Some(Left::from(output))
}

#[test]
fn a_call_borrows_from_the_callers_frame_and_runs_elsewhere() {
    let _watchdog = watchdog("a_call_borrows_from_the_callers_frame_and_runs_elsewhere");
    let body = || {
        let home = here();
        let mut numbers = vec![3, 1, 2];
        let text = String::from("text");
        let (elsewhere, length) = blocking(|| {
            numbers.sort();
            (here(), text.len())
        });
        assert_eq!((numbers, length), (vec![1, 2, 3], 4));
        assert_eq!(here(), home);
        elsewhere != home
    };
    assert!(gort::go(body).wait().unwrap());
    assert!(gort::spawn(async move { body() }).wait().unwrap());
    // A foreign thread is nobody else's: it is called there.
    assert!(!body());
    // As is a blocking one.
    assert!(!spawn_blocking(body).wait().unwrap());
}

#[test]
fn a_panic_comes_back() {
    let _watchdog = watchdog("a_panic_comes_back");
    let body = || {
        let dropped = Counter::new();
        let counted = count_drop(&dropped);
        let panic = catch_unwind(AssertUnwindSafe(|| {
            blocking(move || {
                let _counted = counted;
                panic_any(7)
            })
        }));
        assert_eq!(*panic.unwrap_err().downcast::<i32>().unwrap(), 7);
        assert_eq!(dropped.get(), 1);
        // The thread that it happened on is as good as before.
        assert!(!blocking(thread::panicking));
    };
    gort::go(body).wait().unwrap();
    gort::spawn(async move { body() }).wait().unwrap();
    body();

    let handle = spawn_blocking(|| panic_any(8));
    let id = handle.id();
    let error = handle.wait().unwrap_err();
    assert_eq!(error.id(), id);
    assert_eq!(*error.into_panic().downcast::<i32>().unwrap(), 8);
}

/// One M. What lives there with a caller goes on while the call blocks: it is what ends the call.
#[gort::test(processors = 1)]
fn siblings_go_on() {
    let home = here();
    for round in 0..100 {
        let (sender, receiver) = mpsc::sync_channel(0);
        let calling = Counter::new();
        let inside = calling.clone();
        let caller = gort::go(move || {
            assert_eq!(here(), home);
            let received = blocking(move || {
                inside.add();
                receiver.recv()
            });
            assert_eq!(here(), home);
            received.unwrap()
        });
        let sibling = gort::go(move || {
            assert_eq!(here(), home);
            while calling.get() == 0 {
                yield_now().wait();
            }
            // A rendezvous: it blocks its thread as well.
            blocking(move || sender.send(round).unwrap());
        });
        assert_eq!(caller.wait().unwrap(), round);
        sibling.wait().unwrap();
    }
}

#[test]
fn books_balance() {
    let _watchdog = watchdog("books_balance");
    const GOROUTINES: usize = 100;
    const EACH: usize = 100;
    let (jobs, calls, dropped) = (Counter::new(), Counter::new(), Counter::new());
    let all: Vec<_> = (0..GOROUTINES)
        .map(|i| {
            let (jobs, calls, dropped) = (jobs.clone(), calls.clone(), dropped.clone());
            let body = move || {
                let mut sum = 0;
                for n in 0..EACH {
                    if n % 2 == i % 2 {
                        let (jobs, counted) = (jobs.clone(), count_drop(&dropped));
                        let job = spawn_blocking(move || {
                            jobs.add();
                            (n, counted)
                        });
                        if n % 4 == 0 {
                            sum += n;
                        } else {
                            sum += job.wait().unwrap().0;
                        }
                    } else {
                        sum += blocking(|| {
                            calls.add();
                            n
                        });
                    }
                }
                sum
            };
            if i % 3 == 0 {
                gort::spawn(async move { body() })
            } else {
                gort::go(body)
            }
        })
        .collect();
    for one in all {
        assert_eq!(one.wait().unwrap(), EACH * (EACH - 1) / 2);
    }
    // Those whose handles were dropped end by themselves.
    let half = GOROUTINES * EACH / 2;
    until(|| dropped.get() == half);
    assert_eq!((jobs.get(), calls.get()), (half, half));
}

#[test]
fn everything_works_on_a_blocking_thread() {
    let _watchdog = watchdog("everything_works_on_a_blocking_thread");
    let job = spawn_blocking(|| {
        let thread = here();
        assert_eq!(gort::block_on(async { 1 }), 1);
        sleep(Duration::from_millis(1)).wait();
        yield_now().wait();
        assert_eq!(gort::go(|| 2).wait().unwrap(), 2);
        assert_eq!(gort::spawn(async { 3 }).wait().unwrap(), 3);
        assert_eq!(spawn_blocking(|| 4).wait().unwrap(), 4);
        assert_eq!(blocking(here), thread);
        let event = Event::new();
        let theirs = event.clone();
        let waits = gort::go(move || theirs.wait());
        event.set();
        waits.wait().unwrap();
        let timeout = gort::time::timeout(Duration::from_millis(1), std::future::pending::<()>());
        timeout.wait().unwrap_err();
        assert!(catch_unwind(|| gort::task::spawn_local(async {})).is_err());
        assert_eq!(here(), thread);
    });
    job.wait().unwrap();
}

#[test]
fn a_foreign_thread_spawns_and_joins() {
    let _watchdog = watchdog("a_foreign_thread_spawns_and_joins");
    let threads: Vec<_> = (0..4)
        .map(|i| {
            thread::spawn(move || {
                for n in 0..100 {
                    assert_eq!(spawn_blocking(move || i * n).wait().unwrap(), i * n);
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}

#[test]
fn a_handle_that_is_dropped_detaches() {
    let _watchdog = watchdog("a_handle_that_is_dropped_detaches");
    let (ran, dropped) = (Counter::new(), Counter::new());
    let gate = Gate::new();
    // Before it runs to its end,
    let (in_job, counted, at) = (ran.clone(), count_drop(&dropped), gate.clone());
    drop(spawn_blocking(move || {
        at.pass();
        in_job.add();
        counted
    }));
    gate.open();
    until(|| dropped.get() == 1);
    assert_eq!(ran.get(), 1);
    // and afterwards, here and on a goroutine.
    for on_g in [false, true] {
        let counted = count_drop(&dropped);
        let job = spawn_blocking(move || counted);
        let before = dropped.get();
        until(|| job.is_finished());
        if on_g {
            gort::go(move || drop(job)).wait().unwrap();
        } else {
            drop(job);
        }
        until(|| dropped.get() == before + 1);
    }
}

#[test]
fn a_call_while_a_panic_unwinds_runs_in_place() {
    let _watchdog = watchdog("a_call_while_a_panic_unwinds_runs_in_place");
    let goroutine = gort::go(|| {
        let home = here();
        let _drops = OnDrop(move || {
            let thread = blocking(|| {
                sleep(Duration::from_millis(1)).wait();
                here()
            });
            assert_eq!(thread, home);
        });
        std::panic::resume_unwind(Box::new(9));
    });
    assert_eq!(
        *goroutine
            .wait()
            .unwrap_err()
            .into_panic()
            .downcast::<i32>()
            .unwrap(),
        9
    );
}

/// A wake for an outer wait, while the call lasts, is kept and does not end the call.
#[test]
fn a_wake_for_another_wait_does_not_end_a_call() {
    let _watchdog = watchdog("a_wake_for_another_wait_does_not_end_a_call");
    let event = Event::new();
    let (outer, gate) = (event.clone(), Gate::new());
    let at = gate.clone();
    let task = gort::spawn(async move {
        let mut outer = outer;
        let mut polls = 0;
        std::future::poll_fn(|cx| {
            polls += 1;
            if polls == 1 {
                assert!(std::pin::Pin::new(&mut outer).poll(cx).is_pending());
                assert_eq!(
                    blocking(|| {
                        at.pass();
                        11
                    }),
                    11
                );
            }
            std::pin::Pin::new(&mut outer).poll(cx)
        })
        .await;
        polls
    });
    until(|| event.polls() == 1);
    event.set();
    thread::sleep(Duration::from_millis(1));
    gate.open();
    assert_eq!(task.wait().unwrap(), 1);
}

#[test]
fn threads_are_used_again_and_end() {
    let test = "threads_are_used_again_and_end";
    let left = in_child(test, &[], || {
        let mut threads = HashSet::new();
        for _ in 0..1000 {
            threads.insert(spawn_blocking(here).wait().unwrap());
            threads.insert(gort::go(|| blocking(here)).wait().unwrap());
        }
        // The one that has just ended its work may not be asleep yet when the next is there.
        assert!(threads.len() <= 4, "{}", threads.len());
        assert!((1..=4).contains(&blocking_threads()));
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
        let (begun, gate) = (Counter::new(), Gate::new());
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
        assert!(blocking_threads() <= THREADS);
    });
    if let Some(left) = left {
        left.assert_quiet(0);
    }
}

#[track_caller]
fn assert_exhausted(left: &Left, limit: usize) {
    assert_eq!(left.the_fatal_line(), "fatal error: thread exhaustion");
    let why = format!("runtime: program exceeds {limit}-thread limit");
    assert_eq!(left.lines("runtime: "), [why], "{left:?}");
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

#[test]
fn an_overflow_is_reported() {
    let left = in_child("an_overflow_is_reported", &[], || {
        let job = spawn_blocking(|| support::recurse(1_000_000_000));
        job.wait().unwrap();
    });
    if let Some(left) = left {
        assert!(
            left.err.starts_with("fatal error: stack overflow\n\ngoroutine "),
            "{left:?}"
        );
        assert!(left.err.contains("its stack of 2048 KiB is used up"), "{left:?}");
        assert!(left.err.contains("tests/blocking.rs"), "{left:?}");
        assert_eq!(left.status.code(), None);
    }
}
