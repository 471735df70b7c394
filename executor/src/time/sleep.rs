//! [`sleep`] and [`sleep_until`]: a future that is ready once a deadline has passed.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use gort_runtime_core::poll_proceed;
use gort_runtime_core::time::{self as timers, TimerKey};
use gort_runtime_core::{WaitReason, waits_for};
use pin_project_lite::pin_project;

use super::clock;

/// Waits for `duration`, counted from this call.
///
/// Zero is ready at the first poll. A duration too long for the clock is as good as for ever.
///
/// # Cancel safety
///
/// Dropping it takes the timer back; nothing is lost.
///
/// # Examples
///
/// ```
/// use std::time::{Duration, Instant};
/// use gort::{Wait, time::sleep};
///
/// let start = Instant::now();
/// sleep(Duration::from_millis(5)).wait();
/// assert!(start.elapsed() >= Duration::from_millis(5));
/// ```
pub fn sleep(duration: Duration) -> Sleep {
    sleep_until(clock::after(duration))
}

/// Waits until `deadline`. One that has passed is ready at the first poll.
///
/// # Cancel safety
///
/// Dropping it takes the timer back; nothing is lost.
///
/// # Examples
///
/// ```
/// use std::time::{Duration, Instant};
///
/// gort::block_on(async {
///     let mut next = Instant::now();
///     for _ in 0..3 {
///         next += Duration::from_millis(1);
///         gort::time::sleep_until(next).await; // does not drift
///     }
/// });
/// ```
pub fn sleep_until(deadline: Instant) -> Sleep {
    Sleep {
        deadline,
        timer: Timer::Unarmed,
    }
}

#[derive(Debug)]
enum Timer {
    /// Not polled since it was made or reset.
    Unarmed,
    /// A timer holds the waker of the last poll.
    Armed(TimerKey),
    /// The deadline has passed, and a poll has said so.
    Elapsed,
}

pin_project! {
    /// The future of [`sleep`] and [`sleep_until`]. It allocates nothing.
    ///
    /// Once ready it stays ready: it may be polled again.
    #[derive(Debug)]
    #[project(!Unpin)]
    #[must_use = "a future does nothing unless it is awaited or waited for"]
    pub struct Sleep {
        deadline: Instant,
        timer: Timer,
    }

    impl PinnedDrop for Sleep {
        fn drop(this: Pin<&mut Self>) {
            if let Timer::Armed(key) = *this.project().timer {
                timers::cancel(key);
            }
        }
    }
}

impl Sleep {
    /// When it is ready.
    pub fn deadline(&self) -> Instant {
        self.deadline
    }

    /// Whether the deadline has passed.
    pub fn is_elapsed(&self) -> bool {
        matches!(self.timer, Timer::Elapsed) || Instant::now() >= self.deadline
    }

    /// Makes it ready at `deadline` instead, whether or not it was ready already.
    ///
    /// A task that waits for it need not poll it again for that: it is woken at the new deadline.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::pin::pin;
    /// use std::time::{Duration, Instant};
    /// use gort::{Wait, time::sleep};
    ///
    /// let mut sleep = pin!(sleep(Duration::from_secs(3600)));
    /// sleep.as_mut().reset(Instant::now() + Duration::from_millis(1));
    /// sleep.wait();
    /// ```
    pub fn reset(self: Pin<&mut Self>, deadline: Instant) {
        let this = self.project();
        *this.deadline = deadline;
        match *this.timer {
            // Fired and not polled since: the wake-up is on its way, and the poll that follows it will arm the timer.
            Timer::Armed(key) => {
                if let Some(key) = timers::reset(key, clock::when(deadline)) {
                    *this.timer = Timer::Armed(key);
                }
            }
            Timer::Unarmed => {}
            Timer::Elapsed => *this.timer = Timer::Unarmed,
        }
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.project();
        match *this.timer {
            Timer::Elapsed => return Poll::Ready(()),
            Timer::Armed(key) if timers::update(key, cx.waker()) => {
                waits_for(WaitReason::Sleep);
                return Poll::Pending;
            }
            Timer::Armed(_) | Timer::Unarmed => {}
        }
        // Not armed, or fired: for this deadline or, after a reset, for the one before.
        if Instant::now() >= *this.deadline {
            *this.timer = Timer::Elapsed;
            ready!(poll_proceed(cx));
            return Poll::Ready(());
        }
        *this.timer = Timer::Armed(timers::add(clock::when(*this.deadline), cx.waker().clone()));
        waits_for(WaitReason::Sleep);
        Poll::Pending
    }
}
