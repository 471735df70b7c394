//! The system G that gives the memory of idle stacks back. Go: bgscavenge.
//!
//! It has no timer while no stack comes back to the arenas, so an idle runtime stays asleep.

use std::panic::Location;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering, fence};
use std::task::{Poll, Waker};

use crate::g::{Birth, Gp, Ran};
use crate::lock::{Lock, Rank};
use crate::sched::newproc::newproc;
use crate::sched::park::wait;
use crate::sched::ready::ready;
use crate::sched::{stacks, time, waker};
use crate::stack;
use crate::state::Wake;
use crate::sys;
use crate::system_g;
use crate::wait_reason::WaitReason;

/// How often it looks, and how long a chunk of stacks has to be idle before it is emptied.
const INTERVAL_NANOS: u64 = 1_000_000_000;
/// How long it works without a break: so long the goroutines of its M wait.
const SLICE_NANOS: u64 = 500_000;
/// The break, in times of what the slice took: after a wave it has a fifth of one processor, and no more. So the memory
/// of 100,000 goroutines is gone within 5 s.
const BREAK: u64 = 4;

static G: OnceLock<Gp> = OnceLock::new();
/// It will look again by itself.
static ARMED: AtomicBool = AtomicBool::new(true);
/// Its last slice was too short: what was given before it is still to be looked at.
static CUT_SHORT: AtomicBool = AtomicBool::new(false);
/// Its timer is armed.
static WAITS: AtomicBool = AtomicBool::new(false);
/// It has run once; before that, whoever waits for it.
static STARTED: AtomicBool = AtomicBool::new(false);
static STARTER: Lock<Option<Waker>> = Lock::new(Rank::Deferred, None);

/// Makes it and waits until it has run once. On the main goroutine.
#[track_caller]
pub(crate) fn start_and_wait() {
    // A handle that is never dropped: the G outlives every wait at base.
    let birth = Birth {
        system: true,
        handle: true,
        local: false,
    };
    let g = system_g::make(birth, Location::caller(), true, run);
    let _ = G.set(g);
    // SAFETY: a fresh G.
    unsafe { newproc(g) };
    wait(WaitReason::Future, |cx| {
        let waker = cx.waker().clone();
        let old = STARTER.lock().replace(waker);
        drop(old);
        if STARTED.load(Ordering::Acquire) {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    });
}

/// How many of all timers are its own.
pub(crate) fn timers() -> usize {
    usize::from(WAITS.load(Ordering::Relaxed))
}

/// Stacks came back to the arenas. From g0.
pub(crate) fn kick() {
    if !ARMED.load(Ordering::Relaxed)
        && !ARMED.swap(true, Ordering::AcqRel)
        && let Some(g) = G.get()
        && let Wake::Ready { pinned } = g.g().state.wake_by_ref(0)
    {
        ready(*g, pinned);
    }
}

fn run() -> Ran {
    if !STARTED.swap(true, Ordering::AcqRel) {
        ARMED.store(false, Ordering::Release);
        let starter = STARTER.lock().take();
        if let Some(starter) = starter {
            starter.wake();
        }
        return Ran::Pending;
    }
    WAITS.store(false, Ordering::Relaxed);
    let begun = sys::nanotime();
    let given = stack::clear_given() || CUT_SHORT.load(Ordering::Relaxed);
    stacks::flush_unused();
    let scavenged = stack::scavenge(INTERVAL_NANOS, SLICE_NANOS);
    let now = sys::nanotime();
    CUT_SHORT.store(scavenged.more, Ordering::Relaxed);
    if scavenged.more {
        run_again(now + BREAK * (now - begun));
    } else if given || scavenged.bytes > 0 {
        run_again(now + INTERVAL_NANOS);
    } else {
        ARMED.store(false, Ordering::Release);
        // Pairs with the fence in `stack::pool::give_batch`: whoever gave stacks just now sees that nobody looks any
        // more, or we see that it did.
        fence(Ordering::SeqCst);
        if stack::given() {
            kick();
        }
    }
    Ran::Pending
}

fn run_again(when: u64) {
    if let Some(&g) = G.get() {
        let waker = std::mem::ManuallyDrop::new(waker::borrowed(g, 0));
        WAITS.store(true, Ordering::Relaxed);
        time::add(when, Waker::clone(&waker));
    }
}
