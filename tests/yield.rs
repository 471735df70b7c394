//! Yielding: others run first, in turn; once; under combinators, too.

mod support;

use std::cell::RefCell;
use std::panic::{catch_unwind, resume_unwind};
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use futures_util::future::{join, join_all, select};
use futures_util::stream::{FuturesUnordered, StreamExt};
use gort::Wait;
use gort::task::{spawn_local, yield_now};
use support::{Counter, watchdog};

const YIELDS: usize = 1_000;

#[test]
fn pending_once() {
    let _watchdog = watchdog("pending_once");
    let mut future = pin!(yield_now());
    let mut cx = Context::from_waker(Waker::noop());
    assert!(future.as_mut().poll(&mut cx).is_pending());
    assert!(future.as_mut().poll(&mut cx).is_ready());
}

/// Two tasks of one thread alternate.
#[test]
fn local_tasks_take_turns() {
    let _watchdog = watchdog("local_tasks_take_turns");
    gort::go(|| {
        let log = Rc::new(RefCell::new(Vec::new()));
        let tasks: Vec<_> = (0..3)
            .map(|name| {
                let log = log.clone();
                spawn_local(async move {
                    for _ in 0..YIELDS {
                        log.borrow_mut().push(name);
                        yield_now().await;
                    }
                })
            })
            .collect();
        for task in tasks {
            task.wait().unwrap();
        }
        let log = log.borrow();
        assert_eq!(log.len(), 3 * YIELDS);
        for turn in log.chunks(3) {
            assert_eq!(turn, [0, 1, 2]);
        }
    })
    .wait()
    .unwrap();
}

/// A goroutine and a task of one thread alternate, too: mid-stack or at base is all the same.
#[test]
fn goroutine_and_local_task_take_turns() {
    let _watchdog = watchdog("goroutine_and_local_task_take_turns");
    gort::go(|| {
        let log = Rc::new(RefCell::new(Vec::new()));
        let theirs = log.clone();
        let task = spawn_local(async move {
            for _ in 0..YIELDS {
                theirs.borrow_mut().push("task");
                yield_now().await;
            }
        });
        for _ in 0..YIELDS {
            log.borrow_mut().push("goroutine");
            yield_now().wait();
        }
        task.wait().unwrap();
        let log = log.borrow();
        assert_eq!(log.len(), 2 * YIELDS);
        for turn in log.chunks(2) {
            assert_eq!(turn, ["goroutine", "task"]);
        }
    })
    .wait()
    .unwrap();
}

/// Yielding is no busy wait for what another must do: with all threads taken by yielders, it still gets done.
#[test]
fn others_run() {
    let _watchdog = watchdog("others_run");
    // How many processors there are is known once the runtime is up.
    gort::spawn(async {}).wait().unwrap();
    let done = Counter::new();
    let yielders: Vec<_> = (0..4 * gort::runtime::max_procs())
        .map(|i| {
            let done = done.clone();
            if i % 2 == 0 {
                gort::spawn(async move {
                    while done.get() == 0 {
                        yield_now().await;
                    }
                })
            } else {
                gort::go(move || {
                    while done.get() == 0 {
                        yield_now().wait();
                    }
                })
            }
        })
        .collect();
    let theirs = done.clone();
    gort::spawn(async move {
        for _ in 0..YIELDS {
            yield_now().await;
        }
        theirs.add();
    })
    .wait()
    .unwrap();
    for yielder in yielders {
        yielder.wait().unwrap();
    }
}

/// Two tasks that only yield do not share one processor while another is idle, though each leaves its own soon enough
/// that sysmon sees nothing wrong.
#[test]
fn two_yielders_part() {
    let _watchdog = watchdog("two_yielders_part");
    const TURNS: usize = 4_000;
    // How many processors there are is known once the runtime is up.
    gort::spawn(async {}).wait().unwrap();
    if gort::runtime::max_procs() < 2 {
        return;
    }
    /// Counts how often the other one was last seen on another thread.
    async fn turns(me: usize, on: Arc<[AtomicU64; 2]>) -> usize {
        let mut apart = 0;
        for _ in 0..TURNS {
            let start = Instant::now();
            while start.elapsed() < Duration::from_micros(50) {
                std::hint::spin_loop();
            }
            // SAFETY: no arguments, and it cannot fail.
            let tid = u64::from(unsafe { libc::gettid() }.cast_unsigned());
            on[me].store(tid, SeqCst);
            apart += usize::from(![0, tid].contains(&on[1 - me].load(SeqCst)));
            yield_now().await;
        }
        apart
    }
    let apart = gort::spawn(async {
        // By now sysmon looks every 10 ms only.
        turns(0, Arc::default()).await;
        let on = Arc::default();
        let other = gort::spawn(turns(1, Arc::clone(&on)));
        turns(0, on).await + other.await.unwrap()
    });
    let apart = apart.wait().unwrap();
    assert!(
        apart > 2 * TURNS / 20 * 19,
        "apart in {apart} of {} turns",
        2 * TURNS
    );
}

/// Counts polls of the whole task beside what happens inside.
async fn counted<F: Future>(polls: Counter, future: F) -> F::Output {
    let mut future = pin!(future);
    std::future::poll_fn(|cx| {
        polls.add();
        future.as_mut().poll(cx)
    })
    .await
}

async fn yields(n: usize) -> usize {
    for _ in 0..n {
        yield_now().await;
    }
    n
}

#[test]
fn one_poll_each() {
    let _watchdog = watchdog("one_poll_each");
    let polls = Counter::new();
    assert_eq!(
        gort::spawn(counted(polls.clone(), yields(YIELDS)))
            .wait()
            .unwrap(),
        YIELDS
    );
    assert_eq!(polls.get(), YIELDS + 1);

    let polls = Counter::new();
    let theirs = polls.clone();
    gort::go(move || counted(theirs, yields(YIELDS)).wait())
        .wait()
        .unwrap();
    assert_eq!(polls.get(), YIELDS + 1);

    let polls = Counter::new();
    counted(polls.clone(), yields(YIELDS)).wait();
    assert_eq!(polls.get(), YIELDS + 1);
}

#[test]
fn under_combinators() {
    let _watchdog = watchdog("under_combinators");
    let all = || async {
        // Both yield in the same poll: one request.
        assert_eq!(join(yields(YIELDS), yields(YIELDS)).await, (YIELDS, YIELDS));
        // A combinator that gives each child a waker of its own.
        let many = (0..64).map(yields);
        assert_eq!(join_all(many).await, (0..64).collect::<Vec<_>>());
        let mut unordered: FuturesUnordered<_> = (0..10).map(|i| yields(10 * i)).collect();
        let mut sum = 0;
        while let Some(n) = unordered.next().await {
            sum += n;
        }
        assert_eq!(sum, 450);
        // One branch is dropped after it asked.
        select(pin!(yields(5)), pin!(yields(YIELDS))).await;
        // Below a wait of its own.
        join(yields(YIELDS), async { yields(YIELDS).wait() }).await;
        // A poll that yields, but is ready all the same.
        std::future::poll_fn(|cx| {
            assert!(pin!(yield_now()).poll(cx).is_pending());
            Poll::Ready(())
        })
        .await;
        yields(1).await;
    };
    gort::spawn(all()).wait().unwrap();
    gort::go(move || all().wait()).wait().unwrap();
    all().wait();
}

/// A wait inside the poll that unwinds does not take the request of the poll around it with it.
#[test]
fn a_request_outlives_a_wait_that_panics() {
    let _watchdog = watchdog("a_request_outlives_a_wait_that_panics");
    let all = || async {
        join(yields(YIELDS), async {
            let caught =
                catch_unwind(|| std::future::poll_fn(|_| -> Poll<()> { resume_unwind(Box::new(7)) }).wait());
            assert!(caught.is_err());
        })
        .await;
    };
    gort::spawn(all()).wait().unwrap();
    gort::go(move || all().wait()).wait().unwrap();
    all().wait();
}

/// Asked by a poll that is ready all the same, a yield disturbs no later wait.
#[test]
fn an_abandoned_request() {
    let _watchdog = watchdog("an_abandoned_request");
    let polls = Counter::new();
    let task = gort::spawn({
        let polls = polls.clone();
        async move {
            std::future::poll_fn(|cx| {
                let _ = pin!(yield_now()).poll(cx);
                Poll::Ready(())
            })
            .await;
            counted(polls, gort::time::sleep(std::time::Duration::from_millis(2))).await;
        }
    });
    task.wait().unwrap();
    // Armed, unless the time was over before, perhaps polled once more because of the yield, and fired.
    assert!((1..=3).contains(&polls.get()), "{} polls", polls.get());
}
