//! Ms that are stuck: in user code for long, while Gs wait that only they can run. Each is reported (`dump::stuck`).
//!
//! An M that blocks loses its P (`retake`) and may then stay where it is for ever with every P idle, so sysmon looks at all
//! Ms, and does not sleep deeply before it has reported what there is to report. Who gives an M in user code something to
//! run wakes it (`ready`).

use std::sync::atomic::Ordering;

use crate::claim::Seq;
use crate::dump;
use crate::m::{M, Stuck};
use crate::sched::SCHED;
use crate::{debug, sys};

/// How often the Ms are looked at.
pub(super) const LOOK_NANOS: u64 = 100_000_000;
/// What counts of the time since the last look: if that was longer, the process was stopped, or had no processor.
const LONGEST_NANOS: u64 = 2 * LOOK_NANOS;
/// An M is stuck after so long (design.md). Each report of it makes that twice as long, up to a point: who computes for
/// seconds all the time is told of it, but not all the time.
const STUCK_NANOS: u64 = 1_000_000_000;
const MAX_DOUBLINGS: u32 = 6;

/// When the Ms were last looked at.
pub(super) struct Looks {
    at: u64,
}

impl Looks {
    pub(super) fn new(now: u64) -> Looks {
        Looks { at: now }
    }

    /// Looks at the Ms if it is time for it.
    pub(super) fn look(&mut self, now: u64) {
        let passed = now - self.at;
        if passed < LOOK_NANOS || !debug::stuck() {
            return;
        }
        self.at = now;
        for m in SCHED.ms() {
            look(m, passed.min(LONGEST_NANOS));
        }
    }
}

fn look(m: &'static M, passed: u64) {
    let mut stuck = so_far(m);
    if is_waited_for(m) && !stuck.reported {
        stuck.nanos += passed;
        if stuck.nanos >= STUCK_NANOS << stuck.reports.min(MAX_DOUBLINGS) {
            let sleeps = sys::thread_is_asleep(m.tid.load(Ordering::Relaxed)) == Some(true);
            stuck.reported = dump::stuck::report(m, stuck.nanos, sleeps);
            stuck.reports += u32::from(stuck.reported);
        }
    }
    m.stuck.set(stuck);
}

/// What has been seen of `m` since it began to run what it runs.
fn so_far(m: &'static M) -> Stuck {
    let last = m.stuck.get();
    let runs = m.runs.load(Ordering::Relaxed);
    if runs == last.runs {
        return last;
    }
    Stuck {
        runs,
        nanos: 0,
        reported: false,
        ..last
    }
}

/// Whether `m` is in user code while others wait for it.
fn is_waited_for(m: &'static M) -> bool {
    Seq::is_user(m.seq.look()) && m.pinned.has_any()
}

/// Whether there may soon be something to report.
pub(super) fn is_suspected() -> bool {
    debug::stuck() && SCHED.ms().any(|m| is_waited_for(m) && !so_far(m).reported)
}
