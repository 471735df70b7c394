//! The last words of the process, and its warnings. Go: throw.
//!
//! Nothing here enters the allocator or takes a lock, so it all works on g0 and under one.

use std::fmt::{self, Arguments, Write};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

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

/// Ends the process because an invariant of the runtime is broken: a line, all goroutines, then SIGABRT. Never unwinds.
#[cold]
#[inline(never)]
pub fn throw(what: Arguments<'_>) -> ! {
    claim_the_end();
    print_line(format_args!("fatal error: {what}"));
    if let Some(dump) = DUMP.get() {
        (dump.glance)();
    }
    sys::abort()
}

/// Ends the process because the program cannot go on, or is told not to, while the runtime is in order: this line, all
/// goroutines, then this exit status. Under no lock.
#[cold]
#[inline(never)]
pub(crate) fn give_up(why: Arguments<'_>, status: i32) -> ! {
    claim_the_end();
    print_line(why);
    match DUMP.get() {
        Some(dump) => (dump.and_exit)(status),
        None => sys::exit(status),
    }
}

/// Ends the process because gort was called where it cannot do what was asked: one line, then SIGABRT. Never unwinds.
#[cold]
#[inline(never)]
pub(crate) fn refuse(what: Arguments<'_>) -> ! {
    claim_the_end();
    print_line(format_args!("fatal error: {what}"));
    sys::abort()
}

/// How all goroutines are printed; nothing until there are some.
static DUMP: OnceLock<Dump> = OnceLock::new();

/// What the layer that prints goroutines does for this one.
pub(crate) struct Dump {
    /// Runs on any stack, under any lock, and returns all the same.
    pub(crate) glance: fn(),
    /// Takes its time.
    pub(crate) and_exit: fn(i32) -> !,
}

/// From now on the end of the process comes with all goroutines.
pub(crate) fn dump_with(dump: Dump) {
    // A second boot there is not.
    let _ = DUMP.set(dump);
}

/// The thread that ends the process; 0 while none does.
static WHO: AtomicU32 = AtomicU32::new(0);

/// The thread that ends the process is this one from now on.
pub(crate) fn take_over_the_end() {
    WHO.store(sys::gettid(), Ordering::Relaxed);
}

/// Returns to the first thread that ends the process. The others wait for that; and who fails while it says why has no
/// more to say.
fn claim_the_end() {
    let me = sys::gettid();
    match WHO.compare_exchange(0, me, Ordering::Relaxed, Ordering::Relaxed) {
        Ok(_) => {}
        Err(who) if who == me => sys::abort(),
        Err(_) => sys::sleep_for_ever(),
    }
}

/// One line on stderr about something that the program survives.
macro_rules! warning {
    ($($arg:tt)*) => { $crate::fatal::print_line(format_args!("gort: {}", format_args!($($arg)*))) };
}
pub(crate) use warning;
