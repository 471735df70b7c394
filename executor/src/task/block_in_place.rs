//! [`block_in_place`]: code that is about to block its thread, or to compute for long, and says so.

/// Runs `f`, which may block this thread or compute for long, while others run what this processor would have run.
///
/// gort finds out by itself when code blocks its thread (after about 1 ms) or computes (after 10 ms and more). This
/// says so beforehand: the processor goes to another thread at once. `f` stays on this thread, and so delays the
/// goroutines that live here; `gort::blocking` does not, and costs more.
///
/// `f` may wait, as any code: then this goroutine or task parks. On a thread that gort did not make this is a plain call.
/// A panic of `f` is the caller's.
///
/// # Examples
///
/// ```
/// use std::{thread, time::Duration};
/// use gort::task::block_in_place;
///
/// let task = gort::spawn(async {
///     block_in_place(|| {
///         thread::sleep(Duration::from_millis(1));
///         "done"
///     })
/// });
/// assert_eq!(task.wait().unwrap(), "done");
/// ```
#[inline]
pub fn block_in_place<F, R>(f: F) -> R
where
    F: FnOnce() -> R,
{
    gort_runtime_core::block_in_place(f)
}
