//! [`Wait`] and [`block_on`]: synchronous code that waits for a future. The two are one thing under two names.
//!
//! All of it is `gort_runtime_core::wait`, which knows whether there is a goroutine to park or a thread to block.

use std::pin::pin;

use gort_runtime_core::WaitReason;

/// Adds `.wait()` to every future: what `.await` is in an `async` block, `.wait()` is in any other code.
///
/// On a goroutine, and anywhere below a task's `poll` too, the G parks and its thread goes on with other work.
/// On a thread that gort did not make, the thread blocks. Either way the caller goes on once the future is ready.
///
/// Anything that can be awaited can be waited for. To keep the future, wait for `&mut future` (if it is `Unpin`)
/// or for `pin.as_mut()`.
///
/// A goroutine that waits keeps its thread ever after: what thread-locals and guards it holds stay valid. While a
/// `wait` inside a task's `poll` lasts, nothing else in that task runs: waiting there for what another branch of
/// the same `join!` or `select!` would do is a deadlock.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use gort::Wait;
///
/// fn twice(x: u32) -> u32 {
///     gort::time::sleep(Duration::from_millis(1)).wait();
///     async { 2 * x }.wait()
/// }
///
/// // The same function on a goroutine, inside a task's poll, and on a foreign thread:
/// assert_eq!(gort::go(|| twice(1)).wait().unwrap(), 2);
/// assert_eq!(gort::spawn(async { twice(2) }).wait().unwrap(), 4);
/// assert_eq!(twice(3), 6);
/// ```
pub trait Wait: IntoFuture {
    /// Waits until the future is ready, and returns its output.
    ///
    /// # Panics
    ///
    /// Panics if the future does.
    #[track_caller]
    fn wait(self) -> Self::Output
    where
        Self: Sized;
}

impl<F: IntoFuture> Wait for F {
    #[inline]
    #[track_caller]
    fn wait(self) -> F::Output {
        let mut future = pin!(self.into_future());
        gort_runtime_core::wait(WaitReason::Future, |cx| future.as_mut().poll(cx))
    }
}

/// Waits until `future` is ready, and returns its output: [`Wait::wait`] as a function.
///
/// Works everywhere, also below another `block_on`. The first call in a program without `#[gort::main]` boots
/// the runtime.
///
/// # Panics
///
/// Panics if `future` does.
///
/// # Examples
///
/// ```
/// let answer = gort::block_on(async {
///     let task = gort::spawn(async { 40 });
///     task.await.unwrap() + gort::block_on(async { 2 })
/// });
/// assert_eq!(answer, 42);
/// ```
#[inline]
#[track_caller]
pub fn block_on<F: IntoFuture>(future: F) -> F::Output {
    future.wait()
}
