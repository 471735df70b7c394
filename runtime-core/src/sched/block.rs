//! Blocking the thread itself. Go: entersyscallblock, exitsyscall.

use std::sync::atomic::Ordering;

use crate::m::{M, Presence};
use crate::sched::sleeper::Sleeper;
use crate::sched::{SCHED, Shared, enter, idle, loan, netpoll, slice, startm, time};
use crate::{life, sys};

/// How often the last M looks after the network while it sleeps.
const CHORES_NANOS: u64 = 1_000_000;

/// Runs `f`, which blocks this thread until it is woken, and does not unwind: the P goes elsewhere meanwhile.
pub(crate) fn away<R>(m: &'static M, f: impl FnOnce() -> R) -> R {
    hand_off(m);
    // What `f` wakes while it does chores may be foreign code that waits. It must not park: `f` is a wait already.
    m.nopark.set(m.nopark.get() + 1);
    let out = f();
    m.nopark.set(m.nopark.get() - 1);
    take_up(m);
    out
}

/// Runs `f`, which may block this thread or burn its CPU: the P goes elsewhere at once. What waits inside `f` parks the
/// G, as anywhere.
///
/// On a thread that is no M, and where the M has no P, this is a plain call.
pub fn block_in_place<R>(f: impl FnOnce() -> R) -> R {
    life::check_fork();
    let Some(m) = M::current().filter(|m| m.curg.get().is_some()) else {
        return f();
    };
    hand_off(m);
    let out = f();
    take_up(m);
    out
}

/// Gives the P of an M in user code away (Go: entersyscallblock).
fn hand_off(m: &'static M) {
    let _inside = enter::enter(m);
    if m.p.get().is_some() {
        m.set_presence(Presence::Away);
        give_starts_back(&mut SCHED.lock.lock(), m);
        startm::handoffp(idle::releasep(m));
    } else {
        // What blocks does not burn, whatever it lost its P for.
        let _shared = SCHED.lock.lock();
        loan::came_back(m);
    }
}

/// Takes an idle P; failing that the M goes on without one until it has to schedule.
fn take_up(m: &'static M) {
    let _inside = enter::enter(m);
    if m.p.get().is_some() {
        return;
    }
    idle::get_idle_p(m);
    if let Some(p) = m.p.get() {
        // sysmon says of an idle one, too, that its slice is over.
        slice::begin(p);
    }
}

/// How an M that is [`away`] sleeps. If no other could be made to take its P, this may be the last one: then it sees
/// to timers and network itself meanwhile, for it may wait for just these.
pub(crate) fn sleep(sleeper: &Sleeper) {
    loop {
        if !SCHED.m_shortage.load(Ordering::Relaxed) {
            return sleeper.sleep();
        }
        let next = time::earliest().saturating_sub(sys::nanotime());
        if sleeper.sleep_for(next.min(CHORES_NANOS)) {
            return;
        }
        time::check_all();
        netpoll::poll_if_older(CHORES_NANOS);
        if startm::is_needed() {
            startm::wakep();
        }
    }
}

/// Goroutines that placement gave to this M and that it has not started can start anywhere (rule 2). The M is Away.
pub(crate) fn give_starts_back(shared: &mut Shared, m: &'static M) {
    let list = {
        let mut starts = m.starts.lock();
        m.nstarts.store(0, Ordering::Release);
        std::mem::take(&mut *starts)
    };
    SCHED.put_global_list(shared, list);
}
