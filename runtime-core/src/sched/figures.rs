//! [`Figures`]: how many there are of everything, at one moment. For traces and metrics.

use std::sync::atomic::Ordering;

use crate::sched::{SCHED, blocking, threads};

/// What the scheduler's words and lists say.
pub(crate) struct Figures {
    pub(crate) procs: u32,
    pub(crate) idle_procs: u32,
    /// Ps that are held by whoever stops the world.
    pub(crate) stopped_procs: u32,
    /// Ms, blocking threads and sysmon.
    pub(crate) threads: usize,
    /// Ms and blocking threads without anything to do; the M in the poller is none of them.
    pub(crate) idle_threads: usize,
    pub(crate) spinning: u32,
    pub(crate) need_spinning: bool,
    /// Ms with work of their own that wait for a P.
    pub(crate) want_p: u32,
    /// Ms that lost their P because they burned.
    pub(crate) burning: u32,
    /// The global queue, with what is urgent.
    pub(crate) global: usize,
    pub(crate) stopping: bool,
    pub(crate) sysmon_waits: bool,
    pub(crate) blocking: blocking::Figures,
}

impl Figures {
    pub(crate) fn take() -> Figures {
        let blocking = blocking::figures();
        let shared = SCHED.lock.lock();
        let sysmon = 1;
        Figures {
            procs: SCHED.nprocs(),
            idle_procs: SCHED.npidle.load(Ordering::Relaxed),
            stopped_procs: shared.nstopped,
            threads: threads::count() - shared.unused_ms.len() as usize + sysmon,
            idle_threads: shared.idle_ms.len() as usize + blocking.idle,
            spinning: SCHED.nmspinning.load(Ordering::Relaxed),
            need_spinning: SCHED.need_spinning.load(Ordering::Relaxed),
            want_p: SCHED.nwants_p.load(Ordering::Relaxed),
            burning: SCHED.nburning.load(Ordering::Relaxed),
            global: SCHED.global_len.load(Ordering::Relaxed),
            stopping: SCHED.stopping.load(Ordering::Relaxed),
            sysmon_waits: SCHED.sysmon_waits.load(Ordering::Relaxed),
            blocking,
        }
    }
}
