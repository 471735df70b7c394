//! [`yield_now`]: lets others run first.

use std::pin::Pin;
use std::task::{Context, Poll};

use gort_runtime_core::request_yield;

/// Lets the others that are ready run before this task or goroutine goes on.
///
/// # Cancel safety
///
/// Holds nothing; it can be dropped at any time.
///
/// # Examples
///
/// ```
/// use gort::{Wait, task};
///
/// gort::block_on(async { task::yield_now().await }); // in async code
/// gort::go(|| task::yield_now().wait()).wait().unwrap(); // in any other
/// ```
pub fn yield_now() -> YieldNow {
    YieldNow { yielded: false }
}

/// The future of [`yield_now`].
#[derive(Debug)]
#[must_use = "a future does nothing unless it is awaited or waited for"]
pub struct YieldNow {
    yielded: bool,
}

impl Future for YieldNow {
    type Output = ();

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.yielded {
            return Poll::Ready(());
        }
        self.yielded = true;
        // Below a combinator with wakers of its own, only its waker can say which child goes on.
        if !request_yield(cx.waker()) {
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    }
}
