//! Ms that have nothing to do, and Ps that pass between Ms. Go: stopm, acquirep, releasep, pidleget, pidleput. Who wakes
//! them is `startm`'s.
//!
//! The protocol, its proof sketch and its rejected designs: `README.md`.

use std::ptr;

use crate::atomic::{Ordering, fence};
use crate::m::{M, Presence};
use crate::p::P;
use crate::sched::{SCHED, Shared, deadlock, loan, netpoll, stacks, startm, time};
use crate::{arch, ticks};

/// How long an M with work keeps its P from Ms that wait for one: a hand-off costs about 6 us.
const QUANTUM_NANOS: u64 = 1_000_000;

/// Takes an idle P. Under the lock (Go: pidleget).
pub(crate) fn pidleget(shared: &mut Shared) -> Option<&'static P> {
    let p = shared.idle_ps?;
    shared.idle_ps = p.link.take();
    SCHED.npidle.fetch_sub(1, Ordering::SeqCst);
    if SCHED.sysmon_waits.swap(false, Ordering::SeqCst) {
        SCHED.sysmon_note.wakeup();
    }
    Some(p)
}

/// Something was queued for an M in user code without a P, which may not come back for long: sysmon has an eye on it,
/// also if every P is idle.
#[cold]
pub(crate) fn watch_away() {
    // Pairs with the fence in sysmon's `deep_sleep`.
    fence(Ordering::SeqCst);
    if SCHED.sysmon_waits.load(Ordering::Relaxed) && SCHED.sysmon_waits.swap(false, Ordering::SeqCst) {
        SCHED.sysmon_note.wakeup();
    }
}

/// Takes an idle P for work that somebody has seen. If there is none, the next M to give its P up looks first, even if
/// it does not spin: it may have skipped looking on account of us. Under the lock (Go: pidlegetSpinning).
pub(super) fn pidleget_for_work(shared: &mut Shared) -> Option<&'static P> {
    let p = pidleget(shared);
    if p.is_none() {
        SCHED.need_spinning.store(true, Ordering::Relaxed);
    }
    p
}

/// Go: becomeSpinning.
pub(crate) fn become_spinning(m: &'static M) {
    m.spinning.set(true);
    SCHED.nmspinning.fetch_add(1, Ordering::SeqCst);
    SCHED.need_spinning.store(false, Ordering::Relaxed);
}

/// Puts a P that no M holds on the idle list. Under the lock (Go: pidleput).
pub(crate) fn pidleput(shared: &mut Shared, p: &'static P) {
    loan::keep(shared, p);
    p.link.set(shared.idle_ps.replace(p));
    SCHED.npidle.fetch_add(1, Ordering::SeqCst);
}

/// Go: acquirep.
pub(crate) fn acquirep(m: &'static M, p: &'static P) {
    debug_assert!(m.p.get().is_none(), "an M takes a second P");
    p.owner.set(m.id);
    m.p_since.set(arch::cputicks());
    m.p.set(Some(p));
}

/// Go: releasep. The P is nobody's until the caller passes it on.
pub(crate) fn releasep(m: &'static M) -> &'static P {
    let p = m.p.take().expect("an M without a P gives one up");
    p.owner.clear();
    p
}

/// Says how `m` can be woken from now on, so that a pusher sees it or `m` sees what was pushed.
pub(crate) fn announce(m: &'static M, presence: Presence) {
    m.set_presence(presence);
    // Pairs with the fence in `ready::wake_home`.
    fence(Ordering::SeqCst);
}

/// Gives `p` to the M that has waited longest for one. Under the lock; the caller wakes it afterwards.
#[must_use]
pub(super) fn serve(shared: &mut Shared, p: &'static P) -> Option<&'static M> {
    let m = shared.wants_p.pop_front()?;
    SCHED.nwants_p.fetch_sub(1, Ordering::SeqCst);
    SCHED.detours.fetch_sub(1, Ordering::Relaxed);
    loan::keep(shared, p);
    grant(m, p);
    Some(m)
}

/// Hands `p` to an M that sleeps, or that does not exist yet; its note is woken afterwards.
pub(crate) fn grant(m: &'static M, p: &'static P) {
    m.nextp.store(ptr::from_ref(p).cast_mut(), Ordering::Release);
    m.set_presence(Presence::Active);
}

/// Sleeps until somebody grants a P, and takes it.
fn sleep(m: &'static M) {
    m.note.sleep();
    m.note.clear();
    take_grant(m);
}

/// Takes the P that was granted.
pub(crate) fn take_grant(m: &'static M) {
    let p = m.nextp.swap(ptr::null_mut(), Ordering::Acquire);
    // SAFETY: whoever wakes an M grants it a P first, and Ps are never freed.
    acquirep(m, unsafe { p.as_ref() }.expect("an M was woken without a P"));
}

/// Wakes an M whose own queue has something: with an idle P, or else it queues for one. It may have been woken
/// meanwhile, then there is nothing to do.
#[cold]
pub(crate) fn wake_idle(m: &'static M) {
    let mut shared = SCHED.lock.lock();
    if m.presence() != Presence::Idle {
        return;
    }
    shared.idle_ms.remove(m);
    match pidleget(&mut shared) {
        Some(p) => {
            grant(m, p);
            drop(shared);
            m.note.wakeup();
        }
        None => want_p(&mut shared, m),
    }
}

fn want_p(shared: &mut Shared, m: &'static M) {
    m.set_presence(Presence::WantsP);
    shared.wants_p.push_back(m);
    SCHED.nwants_p.fetch_add(1, Ordering::SeqCst);
    SCHED.detours.fetch_add(1, Ordering::Relaxed);
}

/// Queues for a P, whether or not there is something to run, and sleeps until it is there.
pub(crate) fn wait_for_p(m: &'static M, mut shared: startm::Locked) {
    want_p(&mut shared, m);
    drop(shared);
    sleep(m);
}

/// Gets a P for an M that has none: an idle one, or it waits its turn (Go: exitsyscall).
pub(crate) fn get_p(m: &'static M) {
    let mut shared = SCHED.lock.lock();
    loan::came_back(m);
    if let Some(p) = pidleget(&mut shared) {
        m.set_presence(Presence::Active);
        drop(shared);
        acquirep(m, p);
        return;
    }
    wait_for_p(m, shared);
}

/// Gets an idle P, if there is one, for an M in user code that gave its own up (Go: exitsyscallfast_pidle). Inside.
pub(crate) fn get_idle_p(m: &'static M) {
    if m.p.get().is_some() || SCHED.npidle.load(Ordering::Relaxed) == 0 {
        return;
    }
    let mut shared = SCHED.lock.lock();
    if let Some(p) = pidleget(&mut shared) {
        loan::came_back(m);
        m.set_presence(Presence::Active);
        drop(shared);
        acquirep(m, p);
    }
}

/// Sleeps without a P until there is something to do for this M (Go: stopm).
fn stopm(m: &'static M) {
    {
        let mut shared = SCHED.lock.lock();
        if m.is_home.load(Ordering::Relaxed) {
            shared.idle_ms.push_front(m);
        } else {
            shared.idle_ms.push_back(m);
        }
        announce(m, Presence::Idle);
    }
    if m.has_own_work() || startm::is_needed() {
        wake_idle(m);
    } else {
        deadlock::suspect();
    }
    sleep(m);
}

/// For an M that runs no more Gs: whoever stops the world yet has its P.
pub(crate) fn lay_p_aside(m: &'static M) {
    if m.p.get().is_some() {
        pidleput(&mut SCHED.lock.lock(), releasep(m));
    }
}

/// For an M that must not start another G: the process is about to end.
pub(crate) fn sleep_for_ever(m: &'static M) -> ! {
    loop {
        m.note.sleep();
        m.note.clear();
    }
}

/// Whether an M that others wait behind has had its share.
pub(crate) fn quantum_is_over(m: &'static M) -> bool {
    arch::cputicks().wrapping_sub(m.p_since.get()) >= ticks::for_nanos(QUANTUM_NANOS)
}

/// Passes the P, with its queue, to the M that has waited longest, and queues for another behind the rest if there
/// is own work; otherwise sleeps until there is something to do.
pub(crate) fn give_way(m: &'static M) {
    let mut shared = SCHED.lock.lock();
    give_up_spinning(m);
    let p = releasep(m);
    let Some(next) = serve(&mut shared, p) else {
        drop(shared);
        acquirep(m, p);
        return;
    };
    if m.has_own_work() {
        want_p(&mut shared, m);
        drop(shared);
        next.note.wakeup();
        sleep(m);
    } else {
        drop(shared);
        next.note.wakeup();
        stopm(m);
    }
}

/// Gives a P on loan back. With another afterwards, or the same if its lender has noticed.
pub(crate) fn end_loan(m: &'static M) {
    let mut shared = SCHED.lock.lock();
    let p = releasep(m);
    // The loan goes with it.
    let next = serve(&mut shared, p);
    let noticed = next.is_none() && !loan::give_back(&mut shared, p);
    drop(shared);
    if noticed {
        return acquirep(m, p);
    }
    if let Some(next) = next {
        next.note.wakeup();
    }
    rest(m);
}

/// True if the M was spinning. The count drops before the queues are looked at once more (rule 7).
fn stop_spinning(m: &'static M) -> bool {
    let was = m.spinning.replace(false);
    if was {
        SCHED.nmspinning.fetch_sub(1, Ordering::SeqCst);
    }
    was
}

/// For an M that gives its P up without having looked to the end. Under the lock: what was submitted meanwhile woke
/// nobody, and the M that gets the P need not look, but whoever next gives one up does.
pub(crate) fn give_up_spinning(m: &'static M) {
    if stop_spinning(m) {
        SCHED.need_spinning.store(true, Ordering::Relaxed);
    }
}

/// Nothing to run: gives the P up, looks once more, then blocks in the poller or on the note (Go: the end of
/// findRunnable). Returns with a P.
pub(crate) fn wait_for_work(m: &'static M) {
    let mut shared = SCHED.lock.lock();
    if let Some(p) = m.p.get() {
        stacks::share(&mut shared, p);
    }
    if SCHED.global_len.load(Ordering::Relaxed) != 0 {
        return;
    }
    if !m.spinning.get() && SCHED.need_spinning.load(Ordering::Relaxed) {
        drop(shared);
        become_spinning(m);
        return;
    }
    let own_p = releasep(m);
    let served = serve(&mut shared, own_p);
    if served.is_none() {
        pidleput(&mut shared, own_p);
    }
    drop(shared);
    if let Some(served) = served {
        served.note.wakeup();
    }

    stop_spinning(m);
    // Go: "the delicate dance". Work submitted while we spun, or while no P was idle, woke nobody; whoever submits after
    // this fence sees that nobody spins and an idle P. Pairs with the fence in `wakep`.
    fence(Ordering::SeqCst);
    if startm::work_anywhere() {
        let mut shared = SCHED.lock.lock();
        if let Some(p) = pidleget_for_work(&mut shared) {
            drop(shared);
            acquirep(m, p);
            become_spinning(m);
            return;
        }
    }
    rest(m);
}

/// Blocks an M without a P in the poller, or on its note if another M is there. Returns with a P.
fn rest(m: &'static M) {
    if let Err(netpoll::Occupied) = netpoll::block(m) {
        // If the M that is there would sleep past a timer of ours, it looks again.
        netpoll::wake_before(time::earliest());
        stopm(m);
    }
}

/// Takes an idle P after the poller, if there is one and a reason to.
pub(crate) fn try_get_p(m: &'static M) -> bool {
    let mut shared = SCHED.lock.lock();
    let Some(p) = pidleget(&mut shared) else {
        return false;
    };
    drop(shared);
    acquirep(m, p);
    true
}

/// After the poller, when no P is idle: own work queues for one, otherwise there is nothing to stay awake for.
pub(crate) fn after_poll_without_p(m: &'static M) {
    if m.has_own_work() { get_p(m) } else { stopm(m) }
}
