//! Blocking the thread itself. Go: entersyscallblock, exitsyscall.

use crate::m::{M, Presence};
use crate::sched::{SCHED, idle};

/// Runs `f`, which blocks this thread: the P goes elsewhere meanwhile, and the M waits for one afterwards.
pub(crate) fn away<R>(m: &'static M, f: impl FnOnce() -> R) -> R {
    if m.p.get().is_none() {
        return f();
    }
    m.set_presence(Presence::Away);
    give_starts_back(m);
    idle::handoffp(idle::releasep(m));
    let out = f();
    idle::get_p(m);
    out
}

/// Goroutines that placement gave to this M and that it has not started can start anywhere (rule 2). The M is Away.
pub(crate) fn give_starts_back(m: &'static M) {
    let list = {
        let mut starts = m.starts.lock();
        m.nstarts.store(0, std::sync::atomic::Ordering::Release);
        std::mem::take(&mut *starts)
    };
    if !list.is_empty() {
        SCHED.put_global_list(&mut SCHED.lock.lock(), list);
    }
}
