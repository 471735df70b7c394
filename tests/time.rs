//! Time: never early, in order, cancelled without a trace, and moved without being lost.

mod support;

use std::future::{pending, ready};
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use gort::Wait;
use gort::time::{Sleep, error::Elapsed, sleep, sleep_until, timeout, timeout_at};
use support::{Event, Foreign, Random, until, watchdog};

fn poll<F: Future>(future: Pin<&mut F>, waker: &Waker) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(waker))
}

fn micros(n: u64) -> Duration {
    Duration::from_micros(n)
}

const HOUR: Duration = Duration::from_secs(3600);

#[test]
fn never_early() {
    let _watchdog = watchdog("never_early");
    let sleeps = async {
        for n in [1, 10, 50, 99, 100, 999, 1000, 1500, 5000, 20_000] {
            let start = Instant::now();
            let future = sleep(micros(n));
            assert!(future.deadline() >= start + micros(n));
            future.await;
            assert!(start.elapsed() >= micros(n));
            let start = Instant::now();
            sleep(micros(n)).wait();
            assert!(start.elapsed() >= micros(n));
        }
    };
    gort::spawn(sleeps).wait().unwrap();
    let start = Instant::now();
    gort::block_on(sleep(micros(700)));
    assert!(start.elapsed() >= micros(700));
}

#[test]
fn zero_is_ready_at_once() {
    let _watchdog = watchdog("zero_is_ready_at_once");
    for _ in 0..1000 {
        assert!(poll(pin!(sleep(Duration::ZERO)), Waker::noop()).is_ready());
    }
    let now = Instant::now();
    assert!(poll(pin!(sleep_until(now)), Waker::noop()).is_ready());
    if let Some(past) = now.checked_sub(Duration::from_secs(1)) {
        assert!(poll(pin!(sleep_until(past)), Waker::noop()).is_ready());
    }
    // A future that is ready wins, even against no time at all.
    assert_eq!(
        poll(pin!(timeout(Duration::ZERO, ready(1))), Waker::noop()),
        Poll::Ready(Ok(1))
    );
    assert!(matches!(
        poll(pin!(timeout(Duration::ZERO, pending::<()>())), Waker::noop()),
        Poll::Ready(Err(Elapsed { .. }))
    ));
}

#[test]
fn a_sleep_stays_ready() {
    let _watchdog = watchdog("a_sleep_stays_ready");
    let mut future = pin!(sleep(micros(100)));
    assert!(!future.is_elapsed() || future.deadline() <= Instant::now());
    future.as_mut().wait();
    assert!(future.is_elapsed());
    assert!(poll(future.as_mut(), Waker::noop()).is_ready());
}

#[test]
fn durations_beyond_the_clock() {
    let _watchdog = watchdog("durations_beyond_the_clock");
    for duration in [
        Duration::MAX,
        Duration::from_secs(u64::MAX / 2),
        Duration::from_secs(1 << 40),
        1_000_000 * HOUR,
    ] {
        let mut future = pin!(sleep(duration));
        assert!(future.deadline() > Instant::now() + HOUR);
        assert!(poll(future.as_mut(), Waker::noop()).is_pending());
        assert!(!future.is_elapsed());
        assert_eq!(timeout(duration, ready(1)).wait(), Ok(1));
        assert_eq!(timeout(duration, sleep(micros(10))).wait(), Ok(()));
    }
}

#[test]
fn timeouts() {
    let _watchdog = watchdog("timeouts");
    gort::block_on(async {
        assert_eq!(timeout(HOUR, async { 1 }).await, Ok(1));
        let elapsed = timeout(micros(200), pending::<()>()).await.unwrap_err();
        assert_eq!(elapsed.to_string(), "deadline has elapsed");
        assert_eq!(io::Error::from(elapsed).kind(), io::ErrorKind::TimedOut);
        let deadline = Instant::now() + micros(300);
        assert!(timeout_at(deadline, pending::<()>()).await.is_err());
        assert!(Instant::now() >= deadline);

        // What runs out of time is kept if it was lent.
        let slow = Event::new();
        let mut lent = slow.clone();
        assert!(timeout(micros(100), &mut lent).await.is_err());
        slow.set();
        assert_eq!(timeout(HOUR, lent).await, Ok(()));

        let mut inner = timeout(HOUR, ready(7));
        assert_eq!(
            format!("{:?}", inner.get_ref()),
            format!("{:?}", inner.get_mut().clone())
        );
        assert_eq!(inner.into_inner().await, 7);
    });
    // Nested, around waits, and from sync code.
    let nested = timeout(HOUR, timeout(micros(100), timeout(HOUR, pending::<()>())));
    assert!(nested.wait().unwrap().is_err());
    assert_eq!(timeout(HOUR, async { sleep(micros(100)).wait() }).wait(), Ok(()));
}

/// The timers of one processor fire in the order of their deadlines.
#[gort::test(processors = 1)]
fn in_the_order_of_deadlines() {
    let _watchdog = watchdog("in_the_order_of_deadlines");
    const SLEEPS: u64 = 200;
    let order = gort::go(|| {
        let order = std::rc::Rc::new(std::cell::RefCell::new(Vec::new()));
        let mut indices: Vec<_> = (0..SLEEPS).collect();
        Random::new(5).shuffle(&mut indices);
        // Long enough for all of them to be armed on a loaded machine.
        let base = Instant::now() + Duration::from_millis(500);
        let tasks: Vec<_> = indices
            .into_iter()
            .map(|i| {
                let order = order.clone();
                gort::task::spawn_local(async move {
                    sleep_until(base + micros(100 * i)).await;
                    order.borrow_mut().push(i);
                })
            })
            .collect();
        for task in tasks {
            task.wait().unwrap();
        }
        order.take()
    });
    assert_eq!(order.wait().unwrap(), (0..SLEEPS).collect::<Vec<_>>());
}

#[test]
fn ten_thousand_at_once() {
    let _watchdog = watchdog("ten_thousand_at_once");
    let start = Instant::now();
    let tasks: Vec<_> = (0..10_000)
        .map(|i| {
            gort::spawn(async move {
                sleep(micros(i)).await;
                start.elapsed() >= micros(i)
            })
        })
        .collect();
    assert!(join_all(tasks).wait().into_iter().all(Result::unwrap));
}

/// A dropped sleep lets go of its waker at once, and wakes nobody.
#[test]
fn dropped() {
    let _watchdog = watchdog("dropped");
    let foreign = Arc::new(Foreign::default());
    let waker = Waker::from(foreign.clone());
    let begin = |sleeps: &mut dyn Iterator<Item = Sleep>| {
        let mut sleeps: Vec<_> = sleeps.map(Box::pin).collect();
        for sleep in &mut sleeps {
            let _ = poll(sleep.as_mut(), &waker);
        }
        sleeps
    };

    let long = begin(&mut (0..1000).map(|i| sleep(HOUR + micros(i))));
    assert_eq!(Arc::strong_count(&foreign), 2 + 1000);
    drop(long);
    assert_eq!(Arc::strong_count(&foreign), 2);

    let first = Instant::now() + Duration::from_millis(200);
    drop(begin(&mut (0..1000).map(|i| sleep_until(first + micros(i)))));
    // Unless this thread was held up until they were about to fire.
    if first - Instant::now() > Duration::from_millis(50) {
        sleep_until(first + Duration::from_millis(10)).wait();
        assert_eq!(foreign.wakes.load(SeqCst), 0);
    }
}

#[test]
fn the_last_waker_is_woken_once() {
    let _watchdog = watchdog("the_last_waker_is_woken_once");
    let [first, last] = [(); 2].map(|()| Arc::new(Foreign::default()));
    let mut future = Box::pin(sleep(HOUR));
    assert!(poll(future.as_mut(), &Waker::from(first.clone())).is_pending());
    assert!(poll(future.as_mut(), &Waker::from(last.clone())).is_pending());
    assert_eq!(Arc::strong_count(&first), 1);
    reset(&mut future, Instant::now() + micros(100));
    last.event.clone().wait();
    assert_eq!((first.wakes.load(SeqCst), last.wakes.load(SeqCst)), (0, 1));
    // Whoever called it lets it go.
    until(|| Arc::strong_count(&last) == 1);
    assert!(poll(future.as_mut(), Waker::noop()).is_ready());
}

/// A sleep begun by one task and ended by another.
#[test]
fn moved_between_tasks() {
    let _watchdog = watchdog("moved_between_tasks");
    for _ in 0..100 {
        let mut future = Box::pin(sleep(micros(500)));
        let future = gort::spawn(async move {
            let _ = std::future::poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx).is_pending())).await;
            (future,)
        })
        .wait()
        .unwrap()
        .0;
        gort::go(move || future.wait()).wait().unwrap();
    }
}

fn reset(future: &mut Pin<Box<Sleep>>, deadline: Instant) {
    future.as_mut().reset(deadline);
    assert_eq!(future.deadline(), deadline);
}

#[test]
fn reset_before_and_after() {
    let _watchdog = watchdog("reset_before_and_after");
    let mut future = Box::pin(sleep(HOUR));
    // Before the first poll.
    reset(&mut future, Instant::now() + micros(100));
    future.as_mut().wait();
    // After it was ready: not ready any more.
    let deadline = Instant::now() + Duration::from_millis(2);
    reset(&mut future, deadline);
    future.as_mut().wait();
    assert!(Instant::now() >= deadline);
    // Into the past.
    reset(&mut future, deadline);
    assert!(poll(future.as_mut(), Waker::noop()).is_ready());
}

/// Reset while a task waits for it, without another poll: the task is woken at the new deadline, whichever is
/// earlier.
#[test]
fn reset_wakes_the_waiting() {
    let _watchdog = watchdog("reset_wakes_the_waiting");
    // To an earlier one.
    let foreign = Arc::new(Foreign::default());
    let waker = Waker::from(foreign.clone());
    let mut future = Box::pin(sleep(HOUR));
    assert!(poll(future.as_mut(), &waker).is_pending());
    let deadline = Instant::now() + Duration::from_millis(1);
    reset(&mut future, deadline);
    foreign.event.clone().wait();
    assert!(Instant::now() >= deadline);
    assert!(poll(future.as_mut(), &waker).is_ready());
    assert_eq!(foreign.wakes.load(SeqCst), 1);

    // To a later one.
    let foreign = Arc::new(Foreign::default());
    let waker = Waker::from(foreign.clone());
    let mut future = Box::pin(sleep(Duration::from_millis(20)));
    if poll(future.as_mut(), &waker).is_pending() && foreign.wakes.load(SeqCst) == 0 {
        let deadline = Instant::now() + Duration::from_millis(60);
        reset(&mut future, deadline);
        foreign.event.clone().wait();
        if foreign.wakes.load(SeqCst) == 1 && Instant::now() < deadline {
            // It had fired before the reset; the poll arms it again.
            let _ = poll(future.as_mut(), &waker);
        }
        future.wait();
        assert!(Instant::now() >= deadline);
    }
}

/// Reset to and fro while it fires: no wake-up is lost.
#[test]
fn reset_races_with_firing() {
    let _watchdog = watchdog("reset_races_with_firing");
    for i in 0..2_000 {
        let foreign = Arc::new(Foreign::default());
        let waker = Waker::from(foreign.clone());
        let mut future = Box::pin(sleep(micros(i % 100)));
        if poll(future.as_mut(), &waker).is_pending() {
            while Instant::now() < future.deadline() {
                std::hint::spin_loop();
            }
            future.as_mut().reset(Instant::now() + micros(20));
            foreign.event.clone().wait();
        }
        future.wait();
    }
}
