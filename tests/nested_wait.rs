//! Rule 5: no wake-up is lost, at any nesting, and none makes a poll that it need not make.

mod support;

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

use futures_util::future::{BoxFuture, join};
use futures_util::stream::{FuturesUnordered, StreamExt};
use gort::{JoinHandle, Wait};
use support::{Counter, Event, Random, announced, watchdog};

const ROUNDS: usize = 10_000;

/// Runs `round`, which leaves waiting to be done by a helper, `ROUNDS` times: in a task, on a goroutine, and on
/// a foreign thread.
fn in_every_place(name: &'static str, round: impl Fn(usize) + Send + Clone + 'static) {
    let _watchdog = watchdog(name);
    let all = move || (0..ROUNDS).for_each(&round);
    let task = gort::spawn({
        let all = all.clone();
        async move { all() }
    });
    let goroutine = gort::go(all.clone());
    let foreign = thread::spawn(all);
    task.wait().unwrap();
    goroutine.wait().unwrap();
    foreign.join().unwrap();
}

/// Sets `events` in turn once `polled` is set.
fn setter(polled: Event, events: Vec<Event>) -> JoinHandle<()> {
    gort::spawn(async move {
        polled.await;
        events.iter().for_each(Event::set);
    })
}

/// `join!(a, async { b.wait() })`, a woken while b waits. As a task of its own, so that `a` waits at base.
#[test]
fn joined_with_a_wait() {
    let _watchdog = watchdog("joined_with_a_wait");
    for round in 0..ROUNDS {
        let [a, b, polled] = [(); 3].map(|()| Event::new());
        let helper = setter(polled.clone(), vec![a.clone(), b.clone()]);
        let polls = Counter::new();
        let task = gort::spawn(counted(polls.clone(), {
            let (a, b) = (a.clone(), b.clone());
            async move {
                join(a, async move { announced(b, polled).wait() }).await;
            }
        }));
        task.wait().unwrap();
        helper.wait().unwrap();
        // Once in vain, once because it was woken. (If the helper was so quick that b was set before its poll in
        // vain ended, it is still twice: b's own level polls it again.)
        assert_eq!((a.polls(), b.polls(), polls.get()), (2, 2, 2), "round {round}");
    }
}

/// The same below another wait, where `a` waits at the first level.
#[test]
fn joined_with_a_wait_inside_a_wait() {
    in_every_place("joined_with_a_wait_inside_a_wait", |round| {
        let [a, b, polled] = [(); 3].map(|()| Event::new());
        let helper = setter(polled.clone(), vec![a.clone(), b.clone()]);
        let inner = b.clone();
        join(a.clone(), async move { announced(inner, polled).wait() }).wait();
        helper.wait().unwrap();
        assert_eq!((a.polls(), b.polls()), (2, 2), "round {round}");
    });
}

/// Three waits deep, with something awaited beside each, woken in every order.
#[test]
fn three_levels() {
    let _watchdog = watchdog("three_levels");
    let mut random = Random::new(3);
    for round in 0..ROUNDS {
        let events = [(); 4].map(|()| Event::new());
        let polled = Event::new();
        let mut order = events.to_vec();
        random.shuffle(&mut order);
        let helper = setter(polled.clone(), order);
        let [a, b, c, d] = events.clone();
        let task = gort::spawn(async move {
            join(a, async move {
                let level_1 = join(b, async move {
                    let level_2 = join(c, async move { announced(d, polled).wait() });
                    level_2.wait();
                });
                level_1.wait();
            })
            .await;
        });
        task.wait().unwrap();
        helper.wait().unwrap();
        assert_eq!(events.map(|event| event.polls()), [2; 4], "round {round}");
    }
}

/// Deeper than there are levels with a bit of their own: the deepest share one, and none is lost.
#[test]
fn forty_levels() {
    const DEPTH: usize = 40;
    const ROUNDS: usize = 300;
    fn descend(rest: &[Event], polled: Event) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            match rest {
                [] => {}
                [last] => announced(last.clone(), polled).wait(),
                [first, rest @ ..] => {
                    join(first.clone(), async move { descend(rest, polled).wait() }).await;
                }
            }
        })
    }
    let _watchdog = watchdog("forty_levels");
    let rounds = || {
        let mut random = Random::new(40);
        for _ in 0..ROUNDS {
            let events: Vec<_> = (0..DEPTH).map(|_| Event::new()).collect();
            let polled = Event::new();
            let mut order = events.clone();
            random.shuffle(&mut order);
            let helper = setter(polled.clone(), order);
            descend(&events, polled).wait();
            helper.wait().unwrap();
        }
    };
    let task = gort::spawn(async move { rounds() });
    let goroutine = gort::Builder::new().stack_size(4 << 20).go(rounds).unwrap();
    task.wait().unwrap();
    goroutine.wait().unwrap();
}

/// Ready once its waker was woken twice.
struct Twice {
    wakes: Counter,
    waker: std::sync::Arc<std::sync::Mutex<Option<Waker>>>,
}

impl Future for Twice {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        *self.waker.lock().unwrap() = Some(cx.waker().clone());
        if self.wakes.get() >= 2 {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }
}

/// FuturesUnordered keeps the parent's waker until a child's first wake, which consumes it; the second finds
/// none. Both come while a wait is in the way.
#[test]
fn futures_unordered() {
    let _watchdog = watchdog("futures_unordered");
    for round in 0..ROUNDS {
        let [b, polled] = [(); 2].map(|()| Event::new());
        let wakes = Counter::new();
        let waker = std::sync::Arc::default();
        let child = Twice {
            wakes: wakes.clone(),
            waker: std::sync::Arc::clone(&waker),
        };
        let helper = gort::spawn({
            let (b, polled) = (b.clone(), polled.clone());
            async move {
                polled.await;
                let child = waker.lock().unwrap().take().unwrap();
                wakes.add();
                child.wake_by_ref();
                // In half of the rounds the wait ends between the two.
                if round % 2 == 0 {
                    b.set();
                }
                wakes.add();
                child.wake();
                b.set();
            }
        });
        let task = gort::spawn(async move {
            let mut children = FuturesUnordered::new();
            children.push(child);
            join(children.next(), async move { announced(b, polled).wait() }).await;
        });
        task.wait().unwrap();
        helper.wait().unwrap();
    }
}

/// Counts the polls of a future.
fn counted<F: Future + Send + 'static>(polls: Counter, future: F) -> impl Future<Output = F::Output> + Send {
    let mut future = Box::pin(future);
    std::future::poll_fn(move |cx| {
        polls.add();
        future.as_mut().poll(cx)
    })
}

/// Waits 1 ms in each poll, and is ready once it was told to be.
struct Sleepy {
    polls: Counter,
    waker: async_slot::Slot,
    last: Event,
}

impl Future for Sleepy {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.polls.add();
        if self.last.is_set() {
            return Poll::Ready(());
        }
        self.waker.put(cx.waker().clone());
        gort::time::sleep(Duration::from_millis(1)).wait();
        Poll::Pending
    }
}

/// A place for one waker, which another task waits to be filled.
mod async_slot {
    use std::future::poll_fn;
    use std::sync::{Arc, Mutex};
    use std::task::{Poll, Waker};

    #[derive(Clone, Default)]
    pub(crate) struct Slot(Arc<Mutex<(Option<Waker>, Option<Waker>)>>);

    impl Slot {
        pub(crate) fn put(&self, waker: Waker) {
            let waiter = {
                let mut inner = self.0.lock().unwrap();
                assert!(
                    inner.0.replace(waker).is_none(),
                    "polled without having been woken"
                );
                inner.1.take()
            };
            if let Some(waiter) = waiter {
                waiter.wake();
            }
        }

        pub(crate) async fn take(&self) -> Waker {
            poll_fn(|cx| {
                let mut inner = self.0.lock().unwrap();
                match inner.0.take() {
                    Some(waker) => Poll::Ready(waker),
                    None => {
                        inner.1 = Some(cx.waker().clone());
                        Poll::Pending
                    }
                }
            })
            .await
        }
    }
}

/// A future whose poll waits 1 ms inside and then returns Pending is polled exactly as often as it is woken.
fn polled_as_often_as_woken(run: impl FnOnce(Sleepy)) {
    const WAKES: usize = 400;
    let polls = Counter::new();
    let waker = async_slot::Slot::default();
    let last = Event::new();
    let wakes = Counter::new();
    let helper = gort::spawn({
        let (waker, last, wakes) = (waker.clone(), last.clone(), wakes.clone());
        async move {
            for wake in 1..=WAKES {
                let waker = waker.take().await;
                // Some wakes come while the poll waits inside, some after it has returned, some about then.
                if wake % 2 == 0 {
                    gort::time::sleep(Duration::from_micros(wake as u64 % 16 * 200)).await;
                }
                if wake == WAKES {
                    last.set();
                }
                wakes.add();
                waker.wake();
            }
        }
    });
    run(Sleepy {
        polls: polls.clone(),
        waker,
        last,
    });
    helper.wait().unwrap();
    assert_eq!(wakes.get(), WAKES);
    // The first poll is nobody's wake.
    assert_eq!(polls.get(), 1 + wakes.get());
}

#[test]
fn polled_as_often_as_woken_in_a_task() {
    let _watchdog = watchdog("polled_as_often_as_woken_in_a_task");
    polled_as_often_as_woken(|sleepy| gort::spawn(sleepy).wait().unwrap());
}

#[test]
fn polled_as_often_as_woken_on_a_goroutine() {
    let _watchdog = watchdog("polled_as_often_as_woken_on_a_goroutine");
    polled_as_often_as_woken(|sleepy| gort::go(move || sleepy.wait()).wait().unwrap());
}

#[test]
fn polled_as_often_as_woken_on_a_foreign_thread() {
    let _watchdog = watchdog("polled_as_often_as_woken_on_a_foreign_thread");
    polled_as_often_as_woken(Wait::wait);
}

/// Wakes of a level that has long ended, through wakers kept from it, disturb no later wait of that level.
#[test]
fn stale_wakers() {
    in_every_place("stale_wakers", |round| {
        let stale = Event::new();
        // Leaves a waker of the first level in `stale`.
        std::future::poll_fn(|cx| Poll::Ready(Pin::new(&mut stale.clone()).poll(cx).is_pending())).wait();
        let stale = stale.take_waker().unwrap();
        stale.wake_by_ref();
        let [event, polled] = [(); 2].map(|()| Event::new());
        let helper = gort::spawn({
            let (event, polled) = (event.clone(), polled.clone());
            async move {
                polled.await;
                stale.wake();
                event.set();
            }
        });
        announced(event.clone(), polled).wait();
        helper.wait().unwrap();
        // Woken before the wait began: forgotten. Woken during it: one poll in vain at most.
        assert!(
            (2..=3).contains(&event.polls()),
            "round {round}: {} polls",
            event.polls()
        );
    });
}

/// Past the last level with a bit of its own a wake-up may be meant for an outer wait. It is passed on also if the
/// inner wait that consumed it ends in a panic.
#[test]
fn a_panic_keeps_no_wake_up_that_was_an_outer_waits() {
    /// Well into the levels that share one bit.
    const DEPTH: usize = 20;
    /// Nests waits, and waits for `outer` in the innermost; its first poll waits inside, and panics when woken.
    fn nest(depth: usize, outer: &Event, inside: &Event) {
        if depth > 0 {
            return async { nest(depth - 1, outer, inside) }.wait();
        }
        let mut outer = outer.clone();
        let mut first = true;
        poll_fn(|cx| {
            let polled = Pin::new(&mut outer).poll(cx);
            if std::mem::take(&mut first) {
                let mut polls = 0;
                let inner = catch_unwind(AssertUnwindSafe(|| {
                    poll_fn(|_| {
                        polls += 1;
                        inside.set();
                        assert!(polls < 2, "woken, and not for this");
                        Poll::<()>::Pending
                    })
                    .wait();
                }));
                assert!(inner.is_err());
            }
            polled
        })
        .wait();
    }
    let _watchdog = watchdog("a_panic_keeps_no_wake_up_that_was_an_outer_waits");
    let (outer, inside) = (Event::new(), Event::new());
    let theirs = (outer.clone(), inside.clone());
    let goroutine = gort::go(move || nest(DEPTH, &theirs.0, &theirs.1));
    inside.wait();
    outer.set();
    goroutine.wait().unwrap();
    assert_eq!(outer.polls(), 2);
}
