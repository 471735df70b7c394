//! The readiness protocol in every interleaving of small cases, see ci/loom.sh. The files themselves are compiled
//! here, over loom's lock and atomics.
//!
//! The kernel is a counter of items and an event for each `put`, as an edge-triggered one would give.
#![cfg(loom)]
#![allow(
    dead_code,
    unreachable_pub,
    reason = "the models use a part of what they include"
)]

extern crate self as gort_runtime_core;

#[path = "../../runtime-core/tests/loom/atomic.rs"]
mod atomic;
#[path = "../src/desc/mod.rs"]
mod desc;
#[path = "../../runtime-core/tests/loom/model.rs"]
mod model;
#[path = "../src/op.rs"]
mod op;

mod sync {
    pub(crate) use crate::atomic::{AtomicU8, AtomicU64};
    pub(crate) use loom::sync::{Mutex, MutexGuard};
    pub(crate) use std::sync::Mutex as StaticMutex;
}

use std::sync::atomic::Ordering::SeqCst;
use std::task::{Context, Poll};

use atomic::AtomicUsize;
use desc::side::{Park, Side};
use loom::sync::Arc;
use loom::thread;
use model::model;
use op::{Attempt, Op};

/// No slice ends here.
pub fn poll_proceed(_: &mut Context<'_>) -> Poll<()> {
    Poll::Ready(())
}

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

#[test]
fn one_waiter_and_two_events() {
    for short in [false, true] {
        model(2, move || {
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
    model(2, || {
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
    model(2, || {
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
    model(2, || {
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
