//! [`JoinError`]: why a task or goroutine has no output. Made by `cell` when a body panics.

use std::any::Any;
use std::error::Error;
use std::fmt;
use std::io;

use super::Id;

/// A panic's payload.
pub(super) type Payload = Box<dyn Any + Send + 'static>;

/// The error that joining gives when a task or goroutine panicked.
///
/// # Examples
///
/// ```
/// let error = gort::go(|| panic!("boom")).wait().unwrap_err();
/// assert!(error.is_panic());
/// assert!(error.to_string().contains("boom"));
/// ```
// A box, so that a `Result<(), JoinError>` is one word of a waiting task's memory.
pub struct JoinError(Box<Reason>);

struct Reason {
    id: Id,
    panic: Payload,
}

// SAFETY: a shared JoinError gives out the payload only as a `&str` into a String or a `&'static str`, both Sync.
unsafe impl Sync for JoinError {}

const _: () = {
    const fn check<T: Send + Sync + Error>() {}
    check::<JoinError>();
    assert!(size_of::<Result<(), JoinError>>() == size_of::<usize>());
};

impl JoinError {
    #[cold]
    pub(super) fn panicked(id: Id, panic: Payload) -> JoinError {
        JoinError(Box::new(Reason { id, panic }))
    }

    /// Whether the task or goroutine panicked.
    pub fn is_panic(&self) -> bool {
        true
    }

    /// Whether the task or goroutine was aborted before it ended. Nothing can be aborted so far: false.
    pub fn is_cancelled(&self) -> bool {
        !self.is_panic()
    }

    /// The payload of the panic: what [`std::panic::resume_unwind`] takes to let it go on here.
    ///
    /// # Panics
    ///
    /// Panics unless [`is_panic`](JoinError::is_panic).
    ///
    /// # Examples
    ///
    /// ```
    /// let error = gort::go(|| std::panic::panic_any(7)).wait().unwrap_err();
    /// assert_eq!(*error.into_panic().downcast::<i32>().unwrap(), 7);
    /// ```
    #[track_caller]
    pub fn into_panic(self) -> Box<dyn Any + Send + 'static> {
        match self.try_into_panic() {
            Ok(payload) => payload,
            Err(error) => panic!("not a panic: {error}"),
        }
    }

    /// The payload of the panic.
    ///
    /// # Errors
    ///
    /// The error itself, unless [`is_panic`](JoinError::is_panic).
    pub fn try_into_panic(self) -> Result<Box<dyn Any + Send + 'static>, JoinError> {
        Ok(self.0.panic)
    }

    /// Which task or goroutine it was.
    pub fn id(&self) -> Id {
        self.0.id
    }

    /// The panic's message, if it has one. Only types that are Sync may be looked for here.
    fn message(&self) -> Option<&str> {
        let payload = &*self.0.panic;
        match payload.downcast_ref::<&'static str>() {
            Some(message) => Some(message),
            None => payload.downcast_ref::<String>().map(String::as_str),
        }
    }
}

impl fmt::Display for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "task {} panicked", self.id())?;
        match self.message() {
            Some(message) => write!(f, " with message {message:?}"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut tuple = f.debug_tuple("JoinError::Panic");
        tuple.field(&self.id());
        if let Some(message) = self.message() {
            tuple.field(&message);
        }
        tuple.finish_non_exhaustive()
    }
}

impl Error for JoinError {}

impl From<JoinError> for io::Error {
    /// An error of kind [`Other`](io::ErrorKind::Other) with the `JoinError` inside.
    fn from(error: JoinError) -> io::Error {
        io::Error::other(error)
    }
}
