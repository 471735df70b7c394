//! Blocking the thread itself. Go: entersyscallblock, exitsyscall.

use std::sync::atomic::Ordering;

use crate::m::{M, Presence};
use crate::sched::sleeper::Sleeper;
use crate::sched::{SCHED, idle, netpoll, time};
use crate::sys;

/// How often the last M looks after the network while it sleeps.
const CHORES_NANOS: u64 = 1_000_000;

/// Runs `f`, which blocks this thread: the P goes elsewhere meanwhile, and the M waits for one afterwards.
pub(crate) fn away<R>(m: &'static M, f: impl FnOnce() -> R) -> R {
    if m.p.get().is_none() {
        return f();
    }
    m.set_presence(Presence::Away);
    give_starts_back(m);
    idle::handoffp(idle::releasep(m));
    // What `f` wakes while it does chores may be foreign code that waits: without a P nothing can park.
    m.nopark.set(m.nopark.get() + 1);
    let out = f();
    m.nopark.set(m.nopark.get() - 1);
    idle::get_p(m);
    out
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
        if idle::is_needed() {
            idle::wakep();
        }
    }
}

/// Goroutines that placement gave to this M and that it has not started can start anywhere (rule 2). The M is Away.
pub(crate) fn give_starts_back(m: &'static M) {
    let list = {
        let mut starts = m.starts.lock();
        m.nstarts.store(0, Ordering::Release);
        std::mem::take(&mut *starts)
    };
    if !list.is_empty() {
        SCHED.put_global_list(&mut SCHED.lock.lock(), list);
    }
}
