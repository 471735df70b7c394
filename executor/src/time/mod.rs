//! Sleeping and deadlines.
//!
//! Every function gives a future, for `.await` and for [`.wait()`](crate::Wait::wait) alike. Timers fire as precisely as the kernel
//! wakes us, not rounded to milliseconds, and never early.

pub mod error;

mod clock;
mod sleep;
mod timeout;

pub use sleep::{Sleep, sleep, sleep_until};
pub use std::time::{Duration, Instant};
pub use timeout::{Timeout, timeout, timeout_at};
