//! [`spawn`], [`go`] and [`spawn_local`]: each allocates a cell and hands it to the scheduler.

use std::panic::Location;

use gort_runtime_core::{Labels, newproc, on_g};

use super::JoinHandle;
use super::cell::{self, Body, Goroutine, Task};

/// Spawns a task: a future that the runtime polls, on whichever thread has time.
///
/// Callable from everywhere: from tasks, goroutines and foreign threads. The task starts soon, whether or not
/// the handle is ever awaited; dropping the handle detaches it. It need not be awaited inside: it may also call
/// [`wait`](crate::Wait::wait), and then stays on its thread until that poll ends.
///
/// # Examples
///
/// ```
/// gort::block_on(async {
///     let tasks: Vec<_> = (0..10).map(|i| gort::spawn(async move { i * i })).collect();
///     let mut sum = 0;
///     for task in tasks {
///         sum += task.await.unwrap();
///     }
///     assert_eq!(sum, 285);
/// });
/// ```
#[inline]
#[track_caller]
pub fn spawn<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    // SAFETY: future and output are Send and 'static.
    unsafe { start(Task(future), false, Location::caller(), None) }
}

/// Starts a goroutine: a closure on a stack of its own, written as if it had a thread to itself.
///
/// Callable from everywhere. What it waits for with gort, be it a socket, a [`sleep`](crate::time::sleep)
/// or any future's [`wait`](crate::Wait::wait), parks the goroutine and not the thread. Once started it stays on
/// one thread. Its stack has 256 KiB unless `GORT_STACK` or [`Builder`](super::Builder) says otherwise.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use gort::Wait;
///
/// let goroutine = gort::go(|| {
///     gort::time::sleep(Duration::from_millis(1)).wait();
///     "slept"
/// });
/// assert_eq!(goroutine.wait().unwrap(), "slept");
/// ```
#[inline]
#[track_caller]
pub fn go<F, T>(closure: F) -> JoinHandle<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    // SAFETY: closure and output are Send and 'static.
    unsafe { start(Goroutine(closure), false, Location::caller(), None) }
}

/// Spawns a task that stays on this thread for ever, so that neither it nor its output need be `Send`.
///
/// It is polled on this thread, and dropped here, whoever drops its last waker. Its siblings on this thread take
/// turns with it, and when one of them blocks the thread, it waits.
///
/// # Panics
///
/// Panics unless called on a goroutine or in a task: a foreign thread would have to run it, and does not. In
/// `#[gort::main]` it can be called.
///
/// # Examples
///
/// ```
/// use std::rc::Rc;
///
/// gort::go(|| {
///     let shared = Rc::new(1);
///     let theirs = shared.clone();
///     let task = gort::task::spawn_local(async move { Rc::new(*theirs + 1) });
///     assert_eq!(*shared + *task.wait().unwrap(), 3);
/// })
/// .wait()
/// .unwrap();
/// ```
#[track_caller]
pub fn spawn_local<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future + 'static,
    F::Output: 'static,
{
    assert!(
        on_g(),
        "spawn_local called outside of a goroutine or task: this thread runs no tasks; \
         call it from #[gort::main], from `gort::go` or from a spawned task"
    );
    // SAFETY: all is 'static, and what is not Send stays: the G is local, and a handle of a T that is not Send is
    // not Send either.
    unsafe { start(Task(future), true, Location::caller(), None) }
}

/// # Safety
/// What `body` borrows outlives it. Body and output are Send, or else `local` is true, we are on a goroutine's
/// stack, and the handle stays on this thread.
#[inline]
pub(super) unsafe fn start<B: Body>(
    body: B,
    local: bool,
    created_at: &'static Location<'static>,
    labels: Option<Box<Labels>>,
) -> JoinHandle<B::Output> {
    let g = cell::new(body, local, created_at, labels);
    // SAFETY: the cell was made for this B, with a reference for the handle.
    let handle = unsafe { JoinHandle::new(g) };
    // SAFETY: a fresh G whose body may run wherever `local` lets it: the caller's promise. The runtime's reference
    // is given away here.
    unsafe { newproc(g) };
    handle
}
