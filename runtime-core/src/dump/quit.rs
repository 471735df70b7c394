//! SIGQUIT in a program with `#[gort::main]`: all goroutines are printed, and the process exits with status 2. Go:
//! signal_unix.go, sigpanic's sibling dieFromSignal and `_SigThrow`.
//!
//! The handler wakes sysmon, sysmon makes a thread, and that prints: it needs locks, memory and time. If that hangs, a
//! second SIGQUIT finds the default action, and kills. A SIGQUIT that the program or its parent has seen to is theirs;
//! and in library mode signals are the host's.

use std::ffi::c_void;
use std::ptr;
use std::sync::atomic::{AtomicBool, Ordering, fence};

use crate::fatal::print_line;
use crate::sched::{SCHED, newm};
use crate::{dump, errno, sys};

/// Go's.
const STATUS: i32 = 2;

static ASKED: AtomicBool = AtomicBool::new(false);

/// Handles SIGQUIT from now on. sysmon runs.
pub(crate) fn install() {
    // SAFETY: the handler stores a word and wakes a note, which is a swap and perhaps a futex call.
    unsafe { sys::handle_if_default(libc::SIGQUIT, on_sigquit) };
}

extern "C" fn on_sigquit(_: libc::c_int) {
    let errno = errno::get();
    ASKED.store(true, Ordering::Relaxed);
    // Pairs with the fence in `asked_before_sleep`.
    fence(Ordering::SeqCst);
    SCHED.sysmon_note.wakeup();
    errno::set(errno);
}

/// Whether SIGQUIT came. For sysmon, each round.
#[inline]
pub(crate) fn asked() -> bool {
    ASKED.load(Ordering::Relaxed)
}

/// The same between the clearing of sysmon's note and its sleep: either this sees it, or the note is woken.
pub(crate) fn asked_before_sleep() -> bool {
    fence(Ordering::SeqCst);
    asked()
}

/// Has everything printed and the process ended. On sysmon.
pub(crate) fn quit() {
    ASKED.store(false, Ordering::Relaxed);
    if sys::spawn_thread(c"gort-dump", newm::THREAD_STACK, print_and_exit, ptr::null_mut()).is_err() {
        print_line(format_args!("SIGQUIT: quit"));
        dump::glance::print();
        sys::exit(STATUS);
    }
}

extern "C" fn print_and_exit(_: *mut c_void) -> *mut c_void {
    print_line(format_args!("SIGQUIT: quit\n"));
    dump::dump();
    sys::exit(STATUS)
}
