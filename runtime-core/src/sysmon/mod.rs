//! sysmon: the thread that watches over the others, without a P. Go: sysmon.
//!
//! It takes the P from who blocks or burns (`retake`), polls the network and runs the timers when nobody does, ends time
//! slices, and wakes an M for work that nobody looks at. It sleeps deeply while every P is idle.

mod burners;
mod follow;
mod lighten;
mod nap;
mod retake;
mod stuck;
mod trace;

use std::ffi::c_void;
use std::sync::atomic::{Ordering, fence};
use std::{io, ptr};

use crate::dump::quit;
use crate::m::{M, SYSMON_ID};
use crate::sched::deadlock::{self, Awaited};
use crate::sched::{MAX_PROCS, SCHED, blocking, netpoll, newm, stacks, startm, time};
use crate::{sys, sys_box};

/// How long every P is idle before it sleeps deeply: who takes one wakes it then, which costs about as much as a nap.
const IDLE_NANOS: u64 = 2_000_000;
/// If only a thread of the program's stands between it and a deadlock: how often sysmon looks whether that has ended, each
/// time after twice as long, before it sleeps deeply for good. 1.3 s in all.
const LOOKS_AT_THREADS: u32 = 6;
const FIRST_LOOK_NANOS: u64 = 20_000_000;
/// sysmon polls the network when nobody has for so long. (Go: 10 ms, and a wait of so long for each response while all
/// its Ps compute.)
const NETPOLL_NANOS: u64 = 2_000_000;
/// It runs timers that are overdue by so much, with no P idle.
const TIMER_NANOS: u64 = 1_000_000;
/// Go: forcePreemptNS.
const SLICE_NANOS: u64 = 10_000_000;

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
    lighten::start();
    let mut seen = [Seen {
        schedtick: 0,
        runs: 0,
        since: 0,
    }; MAX_PROCS];
    let mut naps = nap::Naps::new();
    let mut busy_at = sys::nanotime();
    let mut waited_for_threads = 0;
    let mut looks = stuck::Looks::new(busy_at);
    let mut trace = trace::Trace::new(busy_at);
    let mut burners = burners::Burners::new(busy_at);
    let mut procs = follow::Follow::new(busy_at);
    loop {
        sys::usleep(naps.micros());
        if quit::asked() {
            quit::quit();
        }
        let now = sys::nanotime();
        if SCHED.npidle.load(Ordering::Relaxed) != SCHED.nprocs() {
            busy_at = now;
            waited_for_threads = 0;
        } else if now - busy_at >= IDLE_NANOS && !stacks::in_need() && !blocking::in_need() {
            deadlock::suspect();
            let mut limit = trace.due_in(now);
            if waited_for_threads < LOOKS_AT_THREADS && deadlock::hinges_on_threads() {
                let pause = FIRST_LOOK_NANOS << waited_for_threads;
                limit = Some(limit.map_or(pause, |limit| limit.min(pause)));
                waited_for_threads += 1;
            }
            if deep_sleep(limit) {
                busy_at = sys::nanotime();
                continue;
            }
        }
        poll();
        check_timers(now);
        if stacks::in_need() {
            // Address space may have come back in other ways than through a free stack.
            stacks::let_start(1);
        }
        if blocking::in_need() {
            blocking::relieve(now);
        }
        watch(&mut seen, now);
        looks.look(now);
        trace.print(now);
        procs.look(now);
        burners.look(now);
        naps.looked(now, retake::retake(now));
    }
}

/// Polls the network if nobody has for long.
fn poll() {
    if netpoll::is_older(NETPOLL_NANOS) {
        // What it finds may be in its hands alone while every M is asleep.
        let _awaited = Awaited::begin();
        netpoll::poll_if_older(NETPOLL_NANOS);
    }
}

/// Until somebody gets a P (Go: sysmonwait), or for `limit` nanoseconds. False: there is something to do before that.
fn deep_sleep(mut limit: Option<u64>) -> bool {
    {
        // Under the lock that every P is taken under: none is taken unseen.
        let _shared = SCHED.lock.lock();
        let busy = SCHED.npidle.load(Ordering::Relaxed) != SCHED.nprocs();
        if busy || stacks::in_need() || blocking::in_need() {
            return true;
        }
        SCHED.sysmon_note.clear();
        SCHED.sysmon_waits.store(true, Ordering::Release);
    }
    // Pairs with the fences in `on_sigquit`, and in `ready` before an M in user code is said to have got work: either we
    // see what they did, or they see that we sleep.
    fence(Ordering::SeqCst);
    if quit::asked() {
        return true;
    }
    if stuck::is_suspected() {
        limit = Some(limit.unwrap_or(u64::MAX).min(stuck::LOOK_NANOS));
    }
    let Some(limit) = limit else {
        SCHED.sysmon_note.sleep();
        return true;
    };
    let woken = SCHED.sysmon_note.sleep_for(limit);
    // Who takes a P from now on need not wake us.
    woken || !SCHED.sysmon_waits.swap(false, Ordering::SeqCst)
}

/// Timers that nobody runs in time.
fn check_timers(now: u64) {
    if !time::overdue(now) {
        return;
    }
    if SCHED.npidle.load(Ordering::Relaxed) != 0 {
        startm::wakep();
    } else if time::overdue(now.saturating_sub(TIMER_NANOS)) {
        // As in `poll`.
        let _awaited = Awaited::begin();
        time::check_all();
    }
}

/// Looks at each P: ends slices that have lasted, and has somebody look at work that waits behind a long run.
fn watch(seen: &mut [Seen], now: u64) {
    // Whoever put it there has woken an M, unless none was to be had.
    if SCHED.global_len.load(Ordering::Relaxed) != 0 && SCHED.npidle.load(Ordering::Relaxed) != 0 {
        startm::wakep();
    }
    for (p, seen) in SCHED.ps().zip(seen) {
        let schedtick = p.schedtick.load(Ordering::Relaxed);
        let runs = p.runs.load(Ordering::Relaxed);
        if schedtick != seen.schedtick {
            seen.schedtick = schedtick;
            seen.since = now;
        } else if now - seen.since >= SLICE_NANOS {
            p.preempt.store(true, Ordering::Relaxed);
        }
        // `ready` wakes nobody for what it puts into an empty runnext, since its P runs that next.
        if runs == seen.runs && !p.runq.is_empty() && SCHED.npidle.load(Ordering::Relaxed) != 0 {
            startm::wakep();
        }
        seen.runs = runs;
    }
}
