//! [`timeout`]: a future with a deadline.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use pin_project_lite::pin_project;

use super::error::Elapsed;
use super::{Sleep, sleep, sleep_until};

/// Gives `future` at most `duration`, counted from this call.
///
/// The future is polled first: if it is ready, it wins, whatever the time. A future that computes without
/// awaiting is not interrupted, and neither is a [`wait`](crate::Wait::wait) inside its poll.
///
/// # Errors
///
/// [`Elapsed`] if the time runs out first. The future is dropped with the `Timeout`;
/// pass `&mut future` or a pinned one to go on with it.
///
/// # Cancel safety
///
/// As cancel safe as `future`.
///
/// # Examples
///
/// ```
/// use std::{future, time::Duration};
/// use gort::{Wait, time::timeout};
///
/// assert_eq!(timeout(Duration::from_secs(60), async { 1 }).wait(), Ok(1));
/// assert!(timeout(Duration::from_millis(1), future::pending::<()>()).wait().is_err());
/// ```
pub fn timeout<F: IntoFuture>(duration: Duration, future: F) -> Timeout<F::IntoFuture> {
    Timeout {
        future: future.into_future(),
        sleep: sleep(duration),
    }
}

/// Gives `future` until `deadline`. Otherwise as [`timeout`].
///
/// # Errors
///
/// [`Elapsed`] if `future` is not ready at `deadline`.
///
/// # Examples
///
/// ```
/// use std::time::{Duration, Instant};
///
/// gort::block_on(async {
///     let deadline = Instant::now() + Duration::from_secs(60); // for both together
///     assert_eq!(gort::time::timeout_at(deadline, async { 1 }).await, Ok(1));
///     assert_eq!(gort::time::timeout_at(deadline, async { 2 }).await, Ok(2));
/// });
/// ```
pub fn timeout_at<F: IntoFuture>(deadline: Instant, future: F) -> Timeout<F::IntoFuture> {
    Timeout {
        future: future.into_future(),
        sleep: sleep_until(deadline),
    }
}

pin_project! {
    /// The future of [`timeout`] and [`timeout_at`].
    #[derive(Debug)]
    #[must_use = "a future does nothing unless it is awaited or waited for"]
    pub struct Timeout<F> {
        #[pin]
        future: F,
        #[pin]
        sleep: Sleep,
    }
}

impl<F> Timeout<F> {
    /// The future that has the deadline.
    pub fn get_ref(&self) -> &F {
        &self.future
    }

    /// The future that has the deadline.
    pub fn get_mut(&mut self) -> &mut F {
        &mut self.future
    }

    /// The future, without the deadline.
    pub fn into_inner(self) -> F {
        self.future
    }
}

impl<F: Future> Future for Timeout<F> {
    type Output = Result<F::Output, Elapsed>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<F::Output, Elapsed>> {
        let this = self.project();
        if let Poll::Ready(output) = this.future.poll(cx) {
            return Poll::Ready(Ok(output));
        }
        this.sleep.poll(cx).map(|()| Err(Elapsed(())))
    }
}
