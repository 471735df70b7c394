//! Taking work from other Ps. Go: stealWork.

use std::sync::atomic::Ordering;

use crate::g::Gp;
use crate::m::M;
use crate::p::P;
use crate::sched::{SCHED, idle, time};
use crate::sys;

/// Go: stealWork's stealTries. All but the last are alike, so a model does with that.
const ROUNDS: usize = if cfg!(loom) { 1 } else { 4 };
/// Go: runqgrab: what was made next a moment ago is about to run where it is; let it.
const RUNNEXT_BACKOFF_MICROS: u32 = 3;

pub(crate) enum Stolen {
    Nothing,
    G(Gp),
    /// Timers of another P were due; what they woke is in our queues.
    Timers,
}

/// Goes over the other Ps in random order, up to four times. The M spins meanwhile, unless enough others do.
pub(crate) fn steal_work(m: &'static M, p: &'static P) -> Stolen {
    let nprocs = SCHED.nprocs();
    for retired in SCHED.retired_ps() {
        if time::check(retired) && (!p.runq.is_empty() || m.has_own_work()) {
            return Stolen::Timers;
        }
    }
    if nprocs == 1 {
        return Stolen::Nothing;
    }
    if !m.spinning.get() {
        // Go: findRunnable: spinners are at most half of the busy Ps, or looking costs more than it finds.
        let busy = nprocs - SCHED.npidle.load(Ordering::Relaxed).min(nprocs);
        if 2 * SCHED.nmspinning.load(Ordering::Relaxed) >= busy {
            return Stolen::Nothing;
        }
        idle::become_spinning(m);
    }
    for round in 0..ROUNDS {
        let last = round == ROUNDS - 1;
        let first = m.cheaprand();
        for i in 0..nprocs {
            let victim = SCHED.p(first.wrapping_add(i) % nprocs);
            if victim.id == p.id {
                continue;
            }
            if last && time::check(victim) && (!p.runq.is_empty() || m.has_own_work()) {
                return Stolen::Timers;
            }
            if victim.runq.is_empty() {
                continue;
            }
            let running = victim.owner.holder().is_some();
            if last && running && victim.runq.ring_is_empty() {
                sys::usleep(RUNNEXT_BACKOFF_MICROS);
            }
            // SAFETY: `m` holds `p`, whose ring is empty (find_runnable), and the victim is another.
            if let Some(g) = unsafe { victim.runq.steal_into(&p.runq, last) }.and_then(Gp::from_ptr) {
                return Stolen::G(g);
            }
        }
    }
    Stolen::Nothing
}
