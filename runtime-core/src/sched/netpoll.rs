//! The scheduler's side of the poller: who polls when, and who blocks in it. Go: netpoll's callers in proc.go.
//!
//! `lastpoll` is 0 while an M blocks in the poller, else the time of the last poll. There is always a poller: until
//! one for the network is installed, a note on which the last idle M waits for timers.

use std::io;
use std::sync::OnceLock;
use std::task::Waker;

use crate::atomic::{Ordering, fence};
use crate::g::Gp;
use crate::m::{M, Presence};
use crate::poller::{Delay, Poller};
use crate::queue::list::GList;
use crate::sched::ready::{self, ready};
use crate::sched::{SCHED, deadlock, enter, idle, slice, startm, time, waker};
use crate::state::Wake;
use crate::{sys, throw};

/// A busy P polls the network itself when nobody has for so long: well under sysmon's 10 ms.
const STALE_NANOS: u64 = 1_000_000;

static NETWORK: OnceLock<&'static dyn Poller> = OnceLock::new();
static TIMERS_ONLY: NotePoller = NotePoller;

/// Knows of no network: sleeps on `SCHED.poll_note`.
struct NotePoller;

impl Poller for NotePoller {
    fn poll(&self, delay: Delay, _ready: &mut dyn FnMut(Waker)) -> io::Result<()> {
        match delay {
            Delay::Now => {}
            Delay::Nanos(nanos) => {
                // Woken or not, the timers are looked at again.
                let _ = SCHED.poll_note.sleep_for(nanos);
            }
            Delay::Forever => SCHED.poll_note.sleep(),
        }
        SCHED.poll_note.clear();
        Ok(())
    }

    fn wake(&self) {
        SCHED.poll_note.wakeup();
    }

    fn has_waiters(&self) -> bool {
        false
    }
}

fn poller() -> &'static dyn Poller {
    NETWORK.get().copied().unwrap_or(&TIMERS_ONLY)
}

/// Makes `poller` the one that idle Ms block in. The first one stays; a second is ignored.
pub fn install(poller: &'static dyn Poller) {
    if NETWORK.set(poller).is_ok() {
        // An M that blocks on the note moves over.
        TIMERS_ONLY.wake();
    }
}

/// Whether anybody waits for a descriptor.
pub(crate) fn has_waiters() -> bool {
    NETWORK.get().is_some_and(|network| network.has_waiters())
}

/// Makes the M that blocks in the poller return.
pub(crate) fn wake() {
    poller().wake();
}

/// If an M blocks in the poller past `when`, it looks again.
pub(crate) fn wake_before(when: u64) {
    if when == u64::MAX {
        return;
    }
    // Pairs with the fence in `announce`: the M that goes to block sees the timer, or we see it blocked.
    fence(Ordering::SeqCst);
    if SCHED.lastpoll.load(Ordering::Relaxed) == 0 {
        let until = SCHED.poll_until.load(Ordering::Relaxed);
        if until == 0 || until > when {
            wake();
        }
    }
}

/// A timer for `when` was added to a P that may be idle (Go: wakeNetPoller).
pub(crate) fn timer_added(when: u64) {
    // A guess: either way the fence comes next.
    if SCHED.lastpoll.load(Ordering::Relaxed) == 0 {
        wake_before(when);
    } else {
        startm::wakep();
    }
}

/// Polls without waiting, into `list` what any M may run, the rest to its home. False: nothing was ready.
fn poll(delay: Delay, list: &mut GList) -> bool {
    let mut any = false;
    let result = poller().poll(delay, &mut |waker| {
        any = true;
        collect(waker, list);
    });
    if let Err(error) = result {
        throw(format_args!("the network poller failed: {}", sys::brief(&error)));
    }
    any
}

/// Makes runnable, in order, what the wakers that `f` passes on stand for.
pub(crate) fn ready_all(f: impl FnOnce(&mut dyn FnMut(Waker))) {
    let mut list = GList::new();
    f(&mut |waker| collect(waker, &mut list));
    distribute(list);
}

fn collect(waker: Waker, list: &mut GList) {
    let Some((g, level)) = waker::own(&waker) else {
        waker::wake(waker);
        return;
    };
    // The waker's reference goes with the transition.
    std::mem::forget(waker);
    match g.g().state.wake_soon(level) {
        Wake::Nothing => {}
        Wake::Ready { pinned: true } => ready(g, true),
        Wake::Ready { pinned: false } => list.push_back(g),
        Wake::Free => crate::sched::base::free(g),
    }
}

/// What became ready goes to the P's ring, unless that may take long to come to it: then it is urgent, as it is when no P
/// is at hand. Others may share in more than one.
pub(crate) fn distribute(mut list: GList) {
    if list.is_empty() {
        return;
    }
    let more = list.len() > 1;
    let m = M::current();
    let _inside = m.map(enter::enter);
    let at_hand = m.and_then(|m| m.p.get());
    match at_hand {
        Some(p) if !p.on_loan.load(Ordering::Relaxed) && !slice::are_long(p) => {
            while let Some(g) = list.pop_front() {
                ready::put(p, Gp::as_ptr(g));
            }
        }
        _ => SCHED.put_urgent(&mut SCHED.lock.lock(), list),
    }
    if more || at_hand.is_none() {
        startm::wakep();
    }
}

/// Polls without waiting, unless an M blocks in the poller or this one is about to: if every other P is idle there is
/// nothing to steal, and a second system call would only say the same. True: something became runnable somewhere.
pub(crate) fn poll_now() -> bool {
    let occupied = SCHED.lastpoll.load(Ordering::Relaxed) == 0;
    let alone = SCHED.npidle.load(Ordering::Relaxed) + 1 >= SCHED.nprocs();
    NETWORK.get().is_some() && !occupied && !alone && poll_and_stamp()
}

fn poll_and_stamp() -> bool {
    let last = SCHED.lastpoll.load(Ordering::Relaxed);
    let mut list = GList::new();
    let any = poll(Delay::Now, &mut list);
    distribute(list);
    if last != 0 {
        // Failing that, an M blocks now or somebody else has polled.
        let _ = SCHED
            .lastpoll
            .compare_exchange(last, sys::nanotime(), Ordering::SeqCst, Ordering::Relaxed);
    }
    any
}

/// Whether nobody has polled for so long, nor does.
pub(crate) fn is_older(nanos: u64) -> bool {
    let last = SCHED.lastpoll.load(Ordering::Relaxed);
    NETWORK.get().is_some() && last != 0 && last + nanos < sys::nanotime()
}

/// Polls if nobody has for a while (a busy P, sysmon). True: something became runnable somewhere.
pub(crate) fn poll_if_older(nanos: u64) -> bool {
    is_older(nanos) && poll_and_stamp()
}

/// What a busy P does now and then.
pub(crate) fn poll_if_stale() {
    poll_if_older(STALE_NANOS);
}

/// Blocks `m`, which has no P, in the poller until something is ready, a timer is due, or a wake. Returns with a P.
pub(crate) fn block(m: &'static M) -> Result<(), Occupied> {
    if SCHED.lastpoll.swap(0, Ordering::SeqCst) == 0 {
        return Err(Occupied);
    }
    // After the fence in `announce`: a timer whose adder did not see us here is seen by us.
    idle::announce(m, Presence::Polling);
    let until = time::earliest();
    SCHED.poll_until.store(until, Ordering::SeqCst);
    let delay = if m.has_own_work() || startm::is_needed() {
        Delay::Now
    } else if until == u64::MAX {
        Delay::Forever
    } else {
        match until.saturating_sub(sys::nanotime()) {
            0 => Delay::Now,
            nanos => Delay::Nanos(nanos),
        }
    };
    if delay != Delay::Now {
        deadlock::check();
    }
    let mut list = GList::new();
    poll(delay, &mut list);
    SCHED.poll_until.store(0, Ordering::SeqCst);
    SCHED.lastpoll.store(sys::nanotime(), Ordering::SeqCst);
    m.set_presence(Presence::Active);
    let has_p = idle::try_get_p(m);
    distribute(list);
    if !has_p {
        idle::after_poll_without_p(m);
    }
    Ok(())
}

/// Another M blocks in the poller.
pub(crate) struct Occupied;
