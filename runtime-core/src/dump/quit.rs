//! SIGQUIT in a program with `#[gort::main]`: all goroutines are printed, and the process exits with status 2. Go:
//! signal_unix.go, sighandler.
//!
//! The handler wakes sysmon, which has it done. If that hangs, a second SIGQUIT finds the default action, and kills. A
//! SIGQUIT that the program or its parent has seen to is theirs; and in library mode signals are the host's.

use std::sync::atomic::{AtomicBool, Ordering, fence};

use crate::fatal::give_up;
use crate::sched::SCHED;
use crate::{errno, sys};

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
    // Pairs with the fence in sysmon's `deep_sleep`.
    fence(Ordering::SeqCst);
    SCHED.sysmon_note.wakeup();
    errno::set(errno);
}

/// Whether SIGQUIT came. For sysmon, each round.
#[inline]
pub(crate) fn asked() -> bool {
    ASKED.load(Ordering::Relaxed)
}

/// Has everything printed and the process ended. On sysmon.
pub(crate) fn quit() -> ! {
    give_up(format_args!("SIGQUIT: quit"), STATUS)
}
