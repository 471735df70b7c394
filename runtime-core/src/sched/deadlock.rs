//! Whether the program is deadlocked: nothing can ever run again. Go: checkdead.
//!
//! [`check`] is asked by the M in the poller before it blocks there; it alone reports. Whoever may have been the last to
//! go to rest after that look calls [`suspect`], which sends that M round once more. Neither allocates, so both may run
//! on g0. What is proved, and why it holds: `README.md`, "Deadlock".

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering, fence};

use crate::fatal::give_up;
use crate::sched::{SCHED, Shared, netpoll, scavenger, time};
use crate::{life, sys};

/// What a Go program exits with.
const STATUS: i32 = 2;
/// The process's first thread, which nobody made.
const M0: usize = 1;

/// It is looked for: the main function of a `#[gort::main]` runs.
static WATCHED: AtomicBool = AtomicBool::new(false);

/// In the low half how many [`Awaited`] there are, in the high half how often one began: who finds both as they were
/// knows that there was none in between.
static AWAITED: AtomicU64 = AtomicU64::new(0);
const BEGUN: u64 = 1 << 32;

/// Something outside of the scheduler that may make a G runnable: while there is one, nothing is a deadlock.
pub(crate) struct Awaited(());

impl Awaited {
    /// Begins before it is certain that it will be needed.
    pub(crate) fn begin() -> Awaited {
        AWAITED.fetch_add(BEGUN + 1, Ordering::AcqRel);
        Awaited(())
    }
}

impl Drop for Awaited {
    fn drop(&mut self) {
        // Release: who sees that it is over sees what came of it.
        AWAITED.fetch_sub(1, Ordering::AcqRel);
        // Pairs with the fence in `announce`: an M that went to rest saw that it is over, or we see the M at rest.
        fence(Ordering::SeqCst);
        suspect();
    }
}

/// How many there are, of the word.
fn awaited(word: u64) -> u32 {
    word as u32
}

/// From here on a deadlock is one. Not in library mode, where the program has threads of its own.
pub(crate) fn watch() {
    WATCHED.store(true, Ordering::Relaxed);
}

/// Ends the process if it is deadlocked. By the M in the poller, about to block, without own work.
pub(crate) fn check() {
    if is_likely() && is_proved() {
        report();
    }
}

/// If only the M in the poller can be awake, and nothing seems to be left to wake it, it looks again.
pub(crate) fn suspect() {
    // Nobody in it: whoever blocks there next checks.
    if is_likely() && SCHED.lastpoll.load(Ordering::Relaxed) == 0 && is_proved() {
        netpoll::wake();
    }
}

/// Whether this seems to be a deadlock but for threads that gort did not make.
pub(crate) fn hinges_on_threads() -> bool {
    is_likely() && !only_our_threads()
}

/// The cheap part, without the lock: false in nearly every program, at the first or second word.
fn is_likely() -> bool {
    WATCHED.load(Ordering::Relaxed)
        && all_ps_idle()
        && awaited(AWAITED.load(Ordering::Relaxed)) == 0
        && !has_timers()
        && !netpoll::has_waiters()
}

/// Whether, the M in the poller apart, nothing in the process can run or become runnable.
fn is_proved() -> bool {
    // While it is held no M at rest can be woken.
    let shared = SCHED.lock.lock();
    let before = AWAITED.load(Ordering::Acquire);
    if !(life::is_up() && all_asleep(&shared) && awaited(before) == 0 && only_our_threads()) {
        return false;
    }
    // What threads did that are gone now is done.
    fence(Ordering::SeqCst);
    if has_queued(&shared) || has_timers() || netpoll::has_waiters() {
        return false;
    }
    // The second read is after what we saw, whoever changed it.
    fence(Ordering::Acquire);
    AWAITED.load(Ordering::Relaxed) == before
}

fn all_ps_idle() -> bool {
    SCHED.npidle.load(Ordering::Relaxed) == SCHED.nprocs()
}

/// No M runs anything but the one in the poller: one that runs user code, with a P or without, stands in no list.
fn all_asleep(shared: &Shared) -> bool {
    let polling = 1;
    let ms = SCHED.nm.load(Ordering::Relaxed);
    all_ps_idle() && shared.idle_ms.len() + shared.unused_ms.len() + polling == ms
}

/// Whether something is queued that an M is about to run, or that sysmon tries again. An M that has run a timer for a G
/// of its own has it in its own queue while it goes to rest, and finds it there only then.
fn has_queued(shared: &Shared) -> bool {
    SCHED.global_len.load(Ordering::Relaxed) != 0
        || !shared.wants_stack.is_empty()
        || SCHED.ps().any(|p| !p.runq.is_empty())
        || SCHED
            .ms()
            .any(|m| m.pinned.has_any() || m.nstarts.load(Ordering::Acquire) != 0)
}

/// Whether a timer is armed, the scavenger's apart, which wakes nobody.
fn has_timers() -> bool {
    time::armed() > scavenger::timers()
}

/// Whether gort made every thread of the process: any other may wake somebody. Without procfs, nobody knows.
fn only_our_threads() -> bool {
    sys::thread_count().is_ok_and(|all| all == sys::threads_made().wrapping_add(M0))
}

/// Go's words and exit status.
#[cold]
fn report() -> ! {
    give_up(
        format_args!("fatal error: all goroutines are asleep - deadlock!"),
        STATUS,
    )
}
