//! Where a goroutine starts, and so lives (rule 2): pins stay even among the Ms that goroutines live on.

use std::sync::atomic::Ordering;

use crate::g::Gp;
use crate::m::M;
use crate::sched::{SCHED, ready, startm};

/// An M starts a goroutine while it holds at most the mean of live pins, a sixteenth, and so many more. (A quarter
/// and 8, as first designed, lets one of two Ms hold 66% of 200 that arrive one by one: over the 60% that we allow.)
const SLACK: u32 = 4;
const SLACK_SHARE: u32 = 16;

/// The M that should start the next goroutine instead of `m`; None: `m` itself.
#[inline]
pub(crate) fn elsewhere(m: &'static M) -> Option<&'static M> {
    let is_home = m.is_home.load(Ordering::Relaxed);
    if is_home && m.npins.load(Ordering::Relaxed) <= SLACK {
        return None;
    }
    survey(m, is_home)
}

#[cold]
fn survey(m: &'static M, is_home: bool) -> Option<&'static M> {
    let mut total = 0;
    let mut fewest: Option<(u32, &'static M)> = None;
    for home in SCHED.homes() {
        let load = load(home);
        total += load;
        // One that waits for a P is a choice: it has its turn within a quantum.
        if home.can_start() && !home.is(m) && fewest.is_none_or(|(least, _)| load < least) {
            fewest = Some((load, home));
        }
    }
    if !is_home {
        return fewest.map(|(_, home)| home);
    }
    let mean = total / SCHED.nprocs();
    let mine = load(m);
    if mine <= mean + mean / SLACK_SHARE + SLACK {
        return None;
    }
    if SCHED.nhomes.load(Ordering::Relaxed) < SCHED.nprocs() {
        // There is room for another M, which takes the next ones.
        startm::wakep();
    }
    fewest.filter(|&(least, _)| least < mine).map(|(_, home)| home)
}

fn load(m: &M) -> u32 {
    m.npins.load(Ordering::Relaxed) + m.nstarts.load(Ordering::Relaxed)
}

/// Has `m` start `g`.
pub(crate) fn give(m: &'static M, g: Gp) {
    let mut starts = m.starts.lock();
    // Who makes an M one that cannot empties the list afterwards, under this lock: it finds `g`, or we see that. One that
    // is in the runtime just now comes to `g`, or has it taken away the next time that it computes for long.
    if !m.can_start() {
        drop(starts);
        ready::inject(g);
        return;
    }
    starts.push_back(g);
    m.nstarts.store(starts.len() as u32, Ordering::Release);
    drop(starts);
    ready::wake_home(m);
}
