//! sysmon: the thread that watches over the others, without a P. Go: sysmon.
//!
//! It polls the network when nobody does, ends time slices, and wakes an M for work that nobody looks at. It sleeps
//! deeply while every P is idle.

use std::ffi::c_void;
use std::sync::atomic::Ordering;
use std::{io, ptr};

use crate::dump::quit;
use crate::m::{M, SYSMON_ID};
use crate::sched::deadlock::{self, Awaited};
use crate::sched::{MAX_PROCS, SCHED, blocking, idle, netpoll, newm, stacks, time};
use crate::{sys, sys_box};

/// Go: sysmon's first and longest delays, and the idle rounds before the delay begins to double.
const MIN_DELAY_MICROS: u32 = 20;
const MAX_DELAY_MICROS: u32 = 10_000;
const PATIENCE: u32 = 50;
/// Go: sysmon polls the network when nobody has for so long.
const NETPOLL_NANOS: u64 = 10_000_000;
/// Go: forcePreemptNS.
const SLICE_NANOS: u64 = 10_000_000;
/// Rounds at the longest delay with every P idle before it sleeps deeply: a server between two requests does not
/// pay for waking it each time.
const IDLE_ROUNDS: u32 = 2;

/// What sysmon saw of one P.
#[derive(Clone, Copy)]
struct Seen {
    schedtick: u32,
    runs: u64,
    since: u64,
}

/// Starts sysmon on an M of its own that never has a P (Go: newm(sysmon, nil)).
///
/// # Errors
/// When there is no thread to be had.
pub(crate) fn start() -> io::Result<()> {
    extern "C" fn thread(m: *mut c_void) -> *mut c_void {
        // SAFETY: passed below; never freed.
        let m: &'static M = unsafe { &*m.cast::<M>() };
        m.bind();
        sysmon()
    }
    let m = sys_box::leak(M::new(SYSMON_ID, 1));
    sys::spawn_thread(
        c"gort-sysmon",
        newm::THREAD_STACK,
        thread,
        ptr::from_ref(m).cast_mut().cast(),
    )
}

fn sysmon() -> ! {
    let mut seen = [Seen {
        schedtick: 0,
        runs: 0,
        since: 0,
    }; MAX_PROCS];
    let mut quiet = 0;
    let mut idle_rounds = 0;
    let mut delay = MIN_DELAY_MICROS;
    loop {
        if quiet == 0 {
            delay = MIN_DELAY_MICROS;
        } else if quiet > PATIENCE {
            delay = (delay * 2).min(MAX_DELAY_MICROS);
        }
        sys::usleep(delay);
        if quit::asked() {
            quit::quit();
        }
        if SCHED.npidle.load(Ordering::Relaxed) == SCHED.nprocs() {
            idle_rounds += u32::from(delay == MAX_DELAY_MICROS);
            if idle_rounds > IDLE_ROUNDS && !stacks::in_need() && !blocking::in_need() {
                deadlock::suspect();
                deep_sleep();
                (idle_rounds, quiet) = (0, 0);
                continue;
            }
        } else {
            idle_rounds = 0;
        }
        let now = sys::nanotime();
        let mut acted = poll();
        if time::overdue(now) {
            idle::wakep();
            acted = true;
        }
        if stacks::in_need() {
            // Address space may have come back in other ways than through a free stack.
            stacks::let_start(1);
        }
        if blocking::in_need() {
            blocking::relieve(now);
        }
        acted |= watch(&mut seen, now);
        quiet = if acted { 0 } else { quiet + 1 };
    }
}

/// Polls the network if nobody has for long. True: something became runnable.
fn poll() -> bool {
    if !netpoll::is_older(NETPOLL_NANOS) {
        return false;
    }
    // What it finds may be in its hands alone while every M is asleep.
    let _awaited = Awaited::begin();
    netpoll::poll_if_older(NETPOLL_NANOS)
}

/// Until somebody gets a P (Go: sysmonwait).
fn deep_sleep() {
    {
        // Under the lock that every P is taken under: none is taken unseen.
        let _shared = SCHED.lock.lock();
        let busy = SCHED.npidle.load(Ordering::Relaxed) != SCHED.nprocs();
        if busy || stacks::in_need() || blocking::in_need() {
            return;
        }
        SCHED.sysmon_note.clear();
        SCHED.sysmon_waits.store(true, Ordering::Release);
    }
    if quit::asked_before_sleep() {
        return;
    }
    SCHED.sysmon_note.sleep();
}

/// Looks at each P: ends slices that have lasted, and has somebody look at work that waits behind a long run.
fn watch(seen: &mut [Seen], now: u64) -> bool {
    let mut acted = false;
    // Whoever put it there has woken an M, unless none was to be had.
    if SCHED.global_len.load(Ordering::Relaxed) != 0 && SCHED.npidle.load(Ordering::Relaxed) != 0 {
        idle::wakep();
        acted = true;
    }
    for (p, seen) in SCHED.ps().zip(seen) {
        let schedtick = p.schedtick.load(Ordering::Relaxed);
        let runs = p.runs.load(Ordering::Relaxed);
        if schedtick != seen.schedtick {
            seen.schedtick = schedtick;
            seen.since = now;
        } else if now - seen.since >= SLICE_NANOS && !p.runq.is_empty() {
            p.preempt.store(true, Ordering::Relaxed);
        }
        // `ready` wakes nobody for what it puts into an empty runnext, since its P runs that next.
        if runs == seen.runs && !p.runq.is_empty() && SCHED.npidle.load(Ordering::Relaxed) != 0 {
            idle::wakep();
            acted = true;
        }
        seen.runs = runs;
    }
    acted
}
