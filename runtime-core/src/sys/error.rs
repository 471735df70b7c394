//! OS errors that know what failed and yet take no memory. Used by `sys` and `stack`; whoever hands an
//! error to the user calls [`explain`] on a G's or the user's own stack, never on g0.
//!
//! An `io::Error` with a message is a box from the global allocator, which nothing here may enter
//! (ARCHITECTURE.md, rule 8). So an error stays the bare code, and the text, always `'static`, waits in a
//! thread-local, as `errno` itself does.

use std::cell::Cell;
use std::fmt;
use std::io;

/// The last failure noted on a thread: the code and what was being tried.
#[derive(Clone, Copy)]
struct Failure {
    code: i32,
    what: &'static str,
}

thread_local! {
    /// Owned by its thread. Const and without a destructor: no registration, no allocation.
    static LAST: Cell<Option<Failure>> = const { Cell::new(None) };
}

/// The error `code` as an `io::Error`, with `what` noted as its context.
#[cold]
pub(crate) fn os_error(code: i32, what: &'static str) -> io::Error {
    LAST.set(Some(Failure { code, what }));
    io::Error::from_raw_os_error(code)
}

/// The thread's `errno` as an `io::Error`, with `what` noted as its context.
#[cold]
pub(crate) fn last_os_error(what: &'static str) -> io::Error {
    // from_raw_os_error and last_os_error both keep the bare code.
    let code = io::Error::last_os_error().raw_os_error().unwrap_or(libc::EIO);
    os_error(code, what)
}

/// What the runtime was trying when this thread last met `error`, if that is known.
///
/// Takes no memory. Call it on the thread that got the error, before that thread fails again.
pub fn context(error: &io::Error) -> Option<&'static str> {
    let code = error.raw_os_error()?;
    LAST.get().filter(|last| last.code == code).map(|last| last.what)
}

/// `error` for a line that is printed on g0: its [`context`], if known, and its number. An `io::Error`'s own Display
/// asks the C library for a text, and allocates for it.
pub fn brief(error: &io::Error) -> impl fmt::Display {
    Brief {
        what: context(error),
        code: error.raw_os_error(),
        kind: error.kind(),
    }
}

struct Brief {
    what: Option<&'static str>,
    code: Option<i32>,
    kind: io::ErrorKind,
}

impl fmt::Display for Brief {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(what) = self.what {
            write!(f, "{what}: ")?;
        }
        match self.code {
            Some(code) => write!(f, "os error {code}"),
            None => self.kind.fmt(f),
        }
    }
}

/// `error` together with its [`context`], in one message; `error` itself if none is known.
///
/// Enters the global allocator: for a G's stack or the user's own, never for g0.
pub fn explain(error: io::Error) -> io::Error {
    match context(&error) {
        Some(what) => io::Error::new(error.kind(), Explained { what, source: error }),
        None => error,
    }
}

/// An OS error with what was being tried.
#[derive(Debug)]
struct Explained {
    what: &'static str,
    source: io::Error,
}

impl fmt::Display for Explained {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.what, self.source)
    }
}

impl std::error::Error for Explained {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_explained_error_says_what_and_why() {
        let bare = os_error(libc::ENOMEM, "mapping a stack");
        assert_eq!(bare.raw_os_error(), Some(libc::ENOMEM));
        assert_eq!(context(&bare), Some("mapping a stack"));
        let full = explain(bare);
        assert_eq!(full.kind(), io::ErrorKind::OutOfMemory);
        let text = full.to_string();
        assert!(
            text.starts_with("mapping a stack: ") && text.contains("os error 12"),
            "{text}"
        );
    }

    #[test]
    fn a_brief_error_is_what_and_a_number() {
        let bare = os_error(libc::ENOMEM, "mapping a stack");
        assert_eq!(brief(&bare).to_string(), "mapping a stack: os error 12");
        let other = io::Error::from_raw_os_error(libc::EPERM);
        assert_eq!(brief(&other).to_string(), "os error 1");
        let none = io::Error::from(io::ErrorKind::TimedOut);
        assert_eq!(brief(&none).to_string(), "timed out");
    }

    #[test]
    fn another_error_is_left_alone() {
        let _ = os_error(libc::ENOMEM, "mapping a stack");
        let other = io::Error::from_raw_os_error(libc::EPERM);
        assert_eq!(context(&other), None);
        assert_eq!(explain(other).raw_os_error(), Some(libc::EPERM));
    }
}
