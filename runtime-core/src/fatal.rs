//! The last words of the process, and its warnings. Go: throw.
//!
//! Neither enters the allocator nor takes a lock, so both work on g0 and under one.

use std::fmt::{self, Arguments, Write};

use crate::sys;

/// The longest line; what does not fit is cut.
const LINE: usize = 512;

struct Line {
    bytes: [u8; LINE],
    len: usize,
}

impl Write for Line {
    fn write_str(&mut self, s: &str) -> fmt::Result {
        // One byte stays for the newline.
        let n = s.len().min(LINE - 1 - self.len);
        self.bytes[self.len..self.len + n].copy_from_slice(&s.as_bytes()[..n]);
        self.len += n;
        Ok(())
    }
}

/// Writes one line to stderr in one piece.
pub(crate) fn print_line(text: Arguments<'_>) {
    let mut line = Line {
        bytes: [0; LINE],
        len: 0,
    };
    // A Display that fails loses the rest of its line, not more.
    let _ = line.write_fmt(text);
    line.bytes[line.len] = b'\n';
    sys::write_stderr(&line.bytes[..=line.len]);
}

/// Ends the process because an invariant of the runtime is broken: one line, then SIGABRT. Never unwinds.
#[cold]
#[inline(never)]
pub fn throw(what: Arguments<'_>) -> ! {
    print_line(format_args!("fatal error: {what}"));
    sys::abort()
}

/// One line on stderr about something that the program survives.
macro_rules! warning {
    ($($arg:tt)*) => { $crate::fatal::print_line(format_args!("gort: {}", format_args!($($arg)*))) };
}
pub(crate) use warning;
