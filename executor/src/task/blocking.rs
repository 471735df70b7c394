//! [`spawn_blocking`] and [`blocking`]: code that blocks its thread, on a thread that is there for it.

use std::panic::{AssertUnwindSafe, Location, catch_unwind, resume_unwind};

use gort_runtime_core::{call_blocking, newproc_blocking};

use super::JoinHandle;
use super::cell::{self, Blocking};

/// Runs a closure that blocks its thread, or computes for long, on a thread that is there for such, and gives a handle
/// to its end.
///
/// Callable from everywhere. The closure has a thread to itself, with a stack of 2 MiB: whatever it waits for, with
/// gort or in any other way, blocks only that. Inside it everything of gort can be used, but for
/// [`spawn_local`](super::spawn_local).
///
/// At most 512 such closures run at the same time; others wait for their turn, in order. So one must not wait for
/// another one that may be queued behind it: use [`blocking`] for that, or goroutines. A thread without work ends after
/// ten seconds. While the system refuses threads the closures wait for those that there are; if there is none, they run
/// as goroutines do.
///
/// Dropping the handle detaches: the closure runs all the same. When `main` returns, closures that run are not waited
/// for, and those that wait are not run.
///
/// # Examples
///
/// ```
/// # fn main() -> std::io::Result<()> {
/// let path = std::env::current_exe()?;
/// let size = gort::block_on(async {
///     gort::task::spawn_blocking(move || std::fs::metadata(path)).await
/// })??
/// .len();
/// assert!(size > 0);
/// # Ok(())
/// # }
/// ```
#[inline]
#[track_caller]
pub fn spawn_blocking<F, T>(closure: F) -> JoinHandle<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    let g = cell::new(Blocking(closure), false, Location::caller(), None);
    // SAFETY: the cell was made for this closure, with a reference for the handle.
    let handle = unsafe { JoinHandle::new(g) };
    // SAFETY: a fresh G that blocks; closure and output are Send and 'static. The runtime's reference is given away here.
    unsafe { newproc_blocking(g) };
    handle
}

/// Runs a closure that blocks its thread while the caller parks, and returns what it returns.
///
/// What to wrap around a std `Mutex` that a goroutine of the same thread may hold, around a `recv` of std's channels, a
/// system call that waits, a library in C that keeps state per thread, or a long computation. The closure runs on a
/// thread that is there for such, and may borrow from the caller, who goes on when it has ended. Meanwhile the caller's
/// thread runs its other goroutines, and none of them waits. A wait inside a task's `poll`, as this is, stops that
/// task's other branches: async code calls [`spawn_blocking`], or this.
///
/// On a thread that gort did not make, and inside another `blocking` or [`spawn_blocking`], the closure is just called:
/// nobody else lives there. While a panic unwinds, and when the system refuses a thread, it runs where it is called, too,
/// and blocks that thread. Inside it everything of gort can be used, but for [`spawn_local`](super::spawn_local).
///
/// Such calls may wait for one another. Up to 512 of them have a thread each at once; the next ones wait for one. While
/// that does not help, there is one thread more every ten milliseconds (every second, if the processors are busy), as
/// long as `gort::runtime::set_max_threads` allows.
///
/// # Panics
///
/// Panics if the closure does, with its payload.
///
/// # Examples
///
/// ```
/// let thread = std::thread::spawn(|| 6 * 7);
/// let goroutine = gort::go(move || {
///     // Joining it blocks a thread: not this goroutine's.
///     gort::blocking(|| thread.join().unwrap())
/// });
/// assert_eq!(goroutine.wait().unwrap(), 42);
/// ```
///
/// It borrows:
///
/// ```
/// let mut numbers = vec![3, 1, 2];
/// gort::go(move || {
///     gort::blocking(|| numbers.sort());
///     assert_eq!(numbers, [1, 2, 3]);
/// })
/// .wait()
/// .unwrap();
/// ```
#[track_caller]
pub fn blocking<F, T>(closure: F) -> T
where
    F: FnOnce() -> T + Send,
    T: Send,
{
    let mut closure = Some(closure);
    let mut output = None;
    call_blocking(&mut || {
        output = closure
            .take()
            .map(|closure| catch_unwind(AssertUnwindSafe(closure)));
    });
    match output {
        Some(Ok(output)) => output,
        Some(Err(panic)) => resume_unwind(panic),
        None => unreachable!("a blocking call returned before it was made"),
    }
}
