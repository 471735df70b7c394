//! Models of joining under loom, see ci/loom.sh: `JoinHandle` and the state word, the files themselves, against the
//! end of a G as runtime-core's sched/base.rs has it.
//!
//! The crate plays gort-runtime-core for the handle. The waker slot, the output and the G's memory are loom's cells:
//! two accesses that nothing orders are reported. Who makes the G runnable runs it then and there.
#![cfg(loom)]
#![allow(
    dead_code,
    unreachable_pub,
    private_interfaces,
    missing_docs,
    clippy::missing_safety_doc,
    reason = "the models use a part of what they include"
)]

extern crate self as gort_runtime_core;

#[path = "../../runtime-core/tests/loom/atomic.rs"]
mod atomic;
#[path = "../src/task/join.rs"]
mod join;
#[path = "../../runtime-core/tests/loom/model.rs"]
mod model;
#[path = "../../runtime-core/src/state.rs"]
pub mod state;

use std::future::Future;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::Relaxed;
use std::task::{Context, Poll, Waker};

use join::JoinHandle;
use loom::cell::UnsafeCell;
use loom::thread;
use model::model;
use state::{Birth, Complete, Start, State, Wake};

/// The G's header and, behind it, its output.
struct G {
    state: State,
    join_waker: UnsafeCell<Option<Waker>>,
    output: UnsafeCell<MaybeUninit<cell::Ended<Output>>>,
    /// Its handle is dropped on a goroutine's stack, where outputs may be dropped.
    handle_on_stack: bool,
    books: Arc<Books>,
}

/// std's, so that they order nothing.
#[derive(Default)]
struct Books {
    outputs_dropped: AtomicU32,
    freed: AtomicU32,
}

/// Counts its drops, wherever it is dropped.
struct Output(Arc<Books>);

impl Drop for Output {
    fn drop(&mut self) {
        self.0.outputs_dropped.fetch_add(1, Relaxed);
    }
}

/// A pointer to a G that is leaked: a model makes one.
#[derive(Clone, Copy)]
pub struct Gp(&'static G);

// SAFETY: loom checks how it is used.
unsafe impl Send for Gp {}
// SAFETY: as above.
unsafe impl Sync for Gp {}

impl Gp {
    pub unsafe fn state<'a>(self) -> &'a State {
        &self.0.state
    }

    pub unsafe fn join_waker(self) -> *mut Option<Waker> {
        self.0.join_waker.with_mut(|slot| slot)
    }

    pub unsafe fn goid(self) -> u64 {
        1
    }
}

mod cell {
    pub(super) type Ended<T> = Result<T, super::JoinError>;

    pub(super) fn output<T>(g: super::Gp) -> *mut Ended<T> {
        g.0.output.with_mut(|output| output.cast())
    }

    pub(super) unsafe fn drop_output<T>(g: super::Gp) {
        // SAFETY: the caller's promise.
        unsafe { output::<T>(g).drop_in_place() };
    }
}

#[derive(Debug)]
pub struct JoinError;
#[derive(Debug)]
pub struct Id(u64);

pub enum WaitReason {
    Join,
}

pub fn waits_for(_: WaitReason) {}

/// No slice ends here.
pub fn poll_proceed(_: &mut Context<'_>) -> Poll<()> {
    Poll::Ready(())
}

pub fn wait<T>(_: WaitReason, poll: impl FnMut(&mut Context<'_>) -> Poll<T>) -> T {
    loom::future::block_on(std::future::poll_fn(poll))
}

/// What sched/base.rs release_taken does.
pub unsafe fn release_taken(g: Gp) {
    if g.0.state.drop_handle_taken() == Wake::Free {
        settle(g, Wake::Free);
    }
}

/// What sched/base.rs release does, and what becomes of what it makes runnable.
pub unsafe fn release(g: Gp) {
    settle(g, g.0.state.ref_dec());
}

pub unsafe fn may_drop_here(g: Gp) -> bool {
    g.0.handle_on_stack
}

pub unsafe fn reap_output(g: Gp) {
    g.0.state.reap_output();
    run(g);
}

fn settle(g: Gp, wake: Wake) {
    match wake {
        Wake::Nothing => {}
        Wake::Ready { .. } => run(g),
        Wake::Free => {
            // A drop of the header: every use of it must have happened before.
            // SAFETY: that was the last reference.
            drop(unsafe { (*g.join_waker()).take() });
            g.0.output.with_mut(|_| {});
            g.0.books.freed.fetch_add(1, Relaxed);
        }
    }
}

/// A body that ends at once, or what is left of it (sched/base.rs run, reap).
fn run(g: Gp) {
    match g.0.state.start() {
        Start::Reap => {
            assert!(g.0.state.take_output(), "only a dead G is reaped here");
            // SAFETY: OUTPUT.
            unsafe { cell::drop_output::<Output>(g) };
            finish(g, false);
        }
        _ => {
            let output = Output(Arc::clone(&g.0.books));
            // SAFETY: the G runs here, and its output's place is this M's.
            unsafe { cell::output(g).write(cell::Ended::Ok(output)) };
            finish(g, true);
        }
    }
}

/// As sched/base.rs finish.
fn finish(g: Gp, mut output: bool) {
    // SAFETY: as there.
    let drop_output = || unsafe { cell::drop_output::<Output>(g) };
    if output && !g.0.state.has_handle() {
        drop_output();
        output = false;
    }
    let join_waker = loop {
        match g.0.state.complete(output) {
            Complete::Dead { join_waker } => break join_waker,
            Complete::Unwanted => {
                drop_output();
                output = false;
            }
        }
    };
    if join_waker {
        // SAFETY: as there.
        if let Some(waker) = unsafe { (*g.join_waker()).take() } {
            waker.wake();
        }
    }
    // SAFETY: the runtime's reference, used no more.
    unsafe { release(g) };
}

/// Runs `with_handle` against the end of a G.
fn against_the_end(
    preemptions: usize,
    handle_on_stack: bool,
    with_handle: impl Fn(JoinHandle<Output>) + Send + Sync + 'static,
) {
    model(preemptions, move || {
        let books = Arc::new(Books::default());
        let g = Gp(Box::leak(Box::new(G {
            state: State::new(Birth {
                handle: true,
                ..Birth::default()
            }),
            join_waker: UnsafeCell::new(None),
            output: UnsafeCell::new(MaybeUninit::uninit()),
            handle_on_stack,
            books: Arc::clone(&books),
        })));
        let m = thread::spawn(move || run(g));
        // SAFETY: the handle's reference.
        with_handle(unsafe { JoinHandle::new(g) });
        m.join().unwrap();
        assert_eq!(books.outputs_dropped.load(Relaxed), 1);
        assert_eq!(books.freed.load(Relaxed), 1);
        assert_eq!(g.0.state.refs(), 0);
    });
}

/// Polls once with `waker`; true: it is over.
fn poll(handle: &mut JoinHandle<Output>, waker: &Waker) -> bool {
    Pin::new(handle).poll(&mut Context::from_waker(waker)).is_ready()
}

/// Loom reports a handle that is never woken as a deadlock.
#[test]
fn joined() {
    against_the_end(4, false, |handle| drop(handle.wait().unwrap()));
}

/// A waker of its own allocation: what is dropped twice or raced for is found by loom's cells.
struct OtherWaker(AtomicU32);

impl std::task::Wake for OtherWaker {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Relaxed);
    }
}

#[test]
fn joined_with_a_second_waker() {
    against_the_end(3, false, |mut handle| {
        let other = Arc::new(OtherWaker(AtomicU32::new(0)));
        if !poll(&mut handle, &Waker::from(Arc::clone(&other))) {
            drop(handle.wait().unwrap());
        }
        assert!(other.0.load(Relaxed) <= 1);
    });
}

#[test]
fn polled_twice_with_one_waker_and_dropped() {
    for on_stack in [false, true] {
        against_the_end(3, on_stack, |mut handle| {
            let other = Arc::new(OtherWaker(AtomicU32::new(0)));
            let waker = Waker::from(Arc::clone(&other));
            let _ = poll(&mut handle, &waker) || poll(&mut handle, &waker);
            drop(handle);
            drop(waker);
        });
    }
}

#[test]
fn dropped() {
    for on_stack in [false, true] {
        against_the_end(5, on_stack, drop);
    }
}

/// As a join that lost a `select!`: taken out of the slot by whoever it belongs to, and dropped once.
#[test]
fn polled_and_dropped() {
    for on_stack in [false, true] {
        against_the_end(3, on_stack, |mut handle| {
            let other = Arc::new(OtherWaker(AtomicU32::new(0)));
            let _ = poll(&mut handle, &Waker::from(Arc::clone(&other)));
            drop(handle);
        });
    }
}

#[test]
fn looked_at_then_joined() {
    against_the_end(5, false, |handle| {
        if handle.is_finished() {
            assert!(loom::future::block_on(async { handle.await.is_ok() }));
        }
    });
}
