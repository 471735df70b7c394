//! The readiness protocol in every interleaving of small cases. `RUSTFLAGS="--cfg loom" cargo test -p
//! gort-netpoll --lib loom`.
//!
//! The kernel is a counter of items and an event for each `put`, as an edge-triggered one would give.

use std::sync::atomic::Ordering::SeqCst;
use std::task::{Context, Poll};

use loom::sync::Arc;
use loom::sync::atomic::AtomicUsize;
use loom::thread;

use super::side::{Park, Side};
use crate::op::{Attempt, Op};

struct Pipe {
    side: Side,
    items: AtomicUsize,
}

impl Pipe {
    fn new() -> Arc<Self> {
        Arc::new(Pipe {
            side: Side::new(),
            items: AtomicUsize::new(0),
        })
    }

    fn put(&self) {
        self.items.fetch_add(1, SeqCst);
        self.side.event(0, false, &mut std::task::Waker::wake);
    }

    /// Takes one. `short` says whether the caller asked for more than that, and so learns that it was the
    /// last.
    fn take(&self, short: bool) -> Attempt<()> {
        match self
            .items
            .fetch_update(SeqCst, SeqCst, |items| items.checked_sub(1))
        {
            Ok(1) if short => Attempt::Short(()),
            Ok(_) => Attempt::Done(()),
            Err(_) => Attempt::WouldBlock,
        }
    }

    fn wait(&self, short: bool) {
        loom::future::block_on(Op::new(&self.side, || self.take(short)));
    }
}

/// Every schedule with at most so many forced switches: minutes become seconds, and the bugs of such
/// protocols need two.
const PREEMPTIONS: usize = 2;

fn model(check: impl Fn() + Send + Sync + 'static) {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(PREEMPTIONS);
    model.check(check);
}

#[test]
fn one_waiter_and_two_events() {
    for short in [false, true] {
        model(move || {
            let pipe = Pipe::new();
            let put = pipe.clone();
            let putter = thread::spawn(move || {
                put.put();
                put.put();
            });
            pipe.wait(short);
            pipe.wait(short);
            putter.join().unwrap();
        });
    }
}

/// If one of them is not woken it waits for ever, which loom reports.
#[test]
fn two_waiters_share_what_comes() {
    model(|| {
        let pipe = Pipe::new();
        let other = pipe.clone();
        let waiter = thread::spawn(move || other.wait(true));
        let put = pipe.clone();
        let putter = thread::spawn(move || {
            put.items.fetch_add(2, SeqCst);
            put.side.event(0, false, &mut std::task::Waker::wake);
        });
        pipe.wait(false);
        waiter.join().unwrap();
        putter.join().unwrap();
    });
}

#[test]
fn a_waiter_that_gives_up_at_any_point_passes_it_on() {
    model(|| {
        let pipe = Pipe::new();
        let (other, put) = (pipe.clone(), pipe.clone());
        // Queued first, polled once, dropped at any time.
        let mut quitter = Box::pin(Op::new(&other.side, || other.take(true)));
        let polled = quitter
            .as_mut()
            .poll(&mut Context::from_waker(std::task::Waker::noop()));
        assert_eq!(polled, Poll::Pending);
        let waiter = pipe.clone();
        let waiter = thread::spawn(move || waiter.wait(true));
        let putter = thread::spawn(move || put.put());
        drop(quitter);
        waiter.join().unwrap();
        putter.join().unwrap();
    });
}

#[test]
fn slots_and_events() {
    model(|| {
        let pipe = Pipe::new();
        let put = pipe.clone();
        let putter = thread::spawn(move || put.put());
        loom::future::block_on(std::future::poll_fn(|cx| {
            loop {
                if pipe.side.attempt(&mut || pipe.take(true)).is_some() {
                    return Poll::Ready(());
                }
                match pipe.side.park_slot(cx.waker()) {
                    Park::Parked => return Poll::Pending,
                    Park::Ready => {}
                }
            }
        }));
        putter.join().unwrap();
    });
}
