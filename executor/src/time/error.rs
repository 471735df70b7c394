//! What can go wrong with a deadline.

use std::error::Error;
use std::fmt;
use std::io;

/// The time of a [`timeout`](super::timeout()) ran out before its future was ready.
///
/// # Examples
///
/// ```
/// use std::{future, io, time::Duration};
/// use gort::{Wait, time::timeout};
///
/// let never = timeout(Duration::from_millis(1), future::pending::<()>());
/// let error = io::Error::from(never.wait().unwrap_err());
/// assert_eq!(error.kind(), io::ErrorKind::TimedOut);
/// ```
#[derive(Debug, PartialEq, Eq)]
pub struct Elapsed(pub(super) ());

impl fmt::Display for Elapsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("deadline has elapsed")
    }
}

impl Error for Elapsed {}

impl From<Elapsed> for io::Error {
    /// An error of kind [`TimedOut`](io::ErrorKind::TimedOut).
    fn from(_: Elapsed) -> io::Error {
        io::ErrorKind::TimedOut.into()
    }
}
