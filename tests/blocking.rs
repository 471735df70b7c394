//! Code that blocks its thread, on threads that are there for it: `blocking` and `spawn_blocking`. How many
//! threads they use is in `blocking_limits.rs`, what they do when the system refuses threads in `no_threads.rs`.

mod support;

use std::panic::{AssertUnwindSafe, catch_unwind, panic_any};
use std::sync::mpsc;
use std::thread::{self, ThreadId};
use std::time::Duration;

use gort::task::{spawn_blocking, yield_now};
use gort::time::sleep;
use gort::{Wait, blocking};
use support::{Counter, Event, Latch, OnDrop, count_drop, until, watchdog};

fn here() -> ThreadId {
    thread::current().id()
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
    let gate = Latch::new();
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
    let (outer, gate) = (event.clone(), Latch::new());
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
