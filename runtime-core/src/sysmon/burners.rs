//! Ms that lost their P because they burned, and may have ceased to: one that blocks since takes nobody's CPU time, so it
//! is not to make the slices of others longer (`retake`).

use std::sync::atomic::Ordering;

use crate::m::{Burns, M};
use crate::sched::{SCHED, loan};
use crate::sys;

/// How often they are looked at.
const LOOK_NANOS: u64 = 10_000_000;

/// When they were last looked at, and how many were asleep.
pub(super) struct Burners {
    at: u64,
    asleep: usize,
}

impl Burners {
    pub(super) fn new(now: u64) -> Burners {
        Burners { at: now, asleep: 0 }
    }

    /// Looks at them if there are any and it is time for it.
    pub(super) fn look(&mut self, now: u64) {
        let any = self.asleep != 0 || SCHED.nburning.load(Ordering::Relaxed) != 0;
        if any && now - self.at >= LOOK_NANOS {
            self.at = now;
            self.asleep = SCHED.ms().filter(|m| is_asleep(m)).count();
        }
    }
}

/// Whether `m`, if it is one of them, has slept since the last look.
fn is_asleep(m: &'static M) -> bool {
    let was = m.burns();
    if was == Burns::No {
        return false;
    }
    let tid = m.tid.load(Ordering::Relaxed);
    // As in `retake`: without that clock nobody is known to be blocked.
    let cpu = sys::thread_cpu_nanos(tid).unwrap_or(0);
    let stood = m.burner_cpu.replace(cpu) == cpu && cpu != 0;
    let sleeps = stood && (was == Burns::Asleep || sys::thread_is_asleep(tid) == Some(true));
    if sleeps != (was == Burns::Asleep) {
        loan::burner_sleeps(&mut SCHED.lock.lock(), m, sleeps);
    }
    sleeps
}
