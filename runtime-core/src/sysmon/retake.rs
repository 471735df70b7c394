//! Taking Ps from Ms that make no progress (rule 3). Go: retake.
//!
//! | the M, in user code with a P | is known by | its P |
//! |---|---|---|
//! | is blocked | its CPU clock stands still, it has not been in the runtime, and /proc says that it sleeps; or so most of the time. Where /proc says nothing: the clock stands still for long | goes on at once |
//! | burns | its CPU clock goes on | goes on after a slice, if work waits; is lent for what is urgent |
//! | waits for a processor | its CPU clock stands still, and it does not sleep | is lent for what is urgent |
//!
//! The slice is CPU time and doubles with each GOMAXPROCS Ms that burn without a P, so that a wave of CPU jobs makes a
//! few threads more, not one for each job.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::claim::Seq;
use crate::m::{M, Watch};
use crate::p::P;
use crate::sched::{SCHED, block, counters, loan, slice, startm};
use crate::sys;
use crate::sysmon::SLICE_NANOS;

/// The slice of an M that burns while none does so without a P, and the longest (design.md, rule 3).
const FIRST_SLICE_NANOS: u64 = 10_000_000;
const LONGEST_SLICE_NANOS: u64 = 1_000_000_000;
/// A G that has run for a slice is asked to yield (`sched/slice.rs`), and has so much CPU time to do it.
const GRACE_NANOS: u64 = 1_000_000;
/// How long an M keeps its P from what is urgent. Wall time: lending makes no thread more, whoever waits for a processor.
const LOAN_NANOS: u64 = 4_000_000;

/// Where a G has run for [`LOAN_NANOS`], others may follow: so long after the last one.
const LONG_NANOS: u64 = 100_000_000;

/// An M that blocks again and again is blocked if it has run for less than half of its time, after so long.
const OFTEN_NANOS: u64 = 2_000_000;

/// An M whose CPU clock has stood still for so long is taken to be blocked where /proc does not say: there is none, or no
/// descriptor is left. Few wait for a processor for as long.
const DOUBT_NANOS: u64 = 100_000_000;

/// What is to become of an M's P.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Stays,
    /// So far: since the last look its G has begun, or been in the runtime. It may be blocked: the next look tells.
    Unclear,
    /// It blocks.
    Blocked,
    /// It has had its slice.
    Burnt,
    /// Something urgent waits.
    Lent,
}

/// What a look at all Ms came to.
#[derive(Clone, Copy, Default)]
pub(super) struct Seen {
    /// Some P was taken.
    pub(super) acted: bool,
    /// Some M may be blocked.
    pub(super) unclear: bool,
}

/// Until when Gs are said to be long, after one was. sysmon's.
static LONG_UNTIL: AtomicU64 = AtomicU64::new(0);

fn saw_long(now: u64) {
    LONG_UNTIL.store(now + LONG_NANOS, Ordering::Relaxed);
}

/// Looks at every M that has a P.
pub(super) fn retake(now: u64) -> Seen {
    if SCHED.nburning.load(Ordering::Relaxed) != 0 {
        saw_long(now);
    }
    slice::saw_long(now < LONG_UNTIL.load(Ordering::Relaxed));
    let mut seen = Seen::default();
    let mut lent = false;
    for p in SCHED.ps() {
        end_long_loan(p, now);
        let Some(m) = p.owner.holder().and_then(|id| SCHED.m(id)) else {
            continue;
        };
        let seq = m.seq.look();
        let verdict = look(Some(p), m, seq, now);
        seen.unclear |= verdict == Verdict::Unclear;
        // One is lent at a time: it may do all that is urgent.
        if matches!(verdict, Verdict::Stays | Verdict::Unclear) || verdict == Verdict::Lent && lent {
            continue;
        }
        if take(p, m, seq, verdict, now) {
            seen.acted = true;
            lent |= verdict == Verdict::Lent;
        }
    }
    seen
}

/// Who borrows `p` keeps it once the lender has had its slice, or blocks: what is not urgent waits, too.
fn end_long_loan(p: &'static P, now: u64) {
    if !p.on_loan.load(Ordering::Relaxed) {
        return;
    }
    let Some(lender) = loan::lender(&SCHED.lock.lock(), p) else {
        return;
    };
    let seq = lender.seq.look();
    if matches!(look(None, lender, seq, now), Verdict::Blocked | Verdict::Burnt) {
        loan::noticed(&mut SCHED.lock.lock(), lender, p);
    }
}

/// What is to become of `p`, which `m` holds; none: it has lent it.
fn look(p: Option<&'static P>, m: &'static M, seq: u32, now: u64) -> Verdict {
    let runs = m.runs.load(Ordering::Relaxed);
    let last = m.watch.get();
    if !Seq::is_user(seq) {
        m.watch.set(Watch { seq, ..last });
        return Verdict::Stays;
    }
    let tid = m.tid.load(Ordering::Relaxed);
    // Without that clock nobody is ever known to be blocked or to burn.
    let cpu = sys::thread_cpu_nanos(tid).unwrap_or(0);
    if runs != last.runs {
        if m.overruns.load(Ordering::Relaxed) {
            m.overruns.store(false, Ordering::Relaxed);
        }
        m.watch.set(Watch {
            runs,
            since: now,
            seq,
            cpu_first: cpu,
            cpu_last: cpu,
            ran_at: now,
            cpu_asked: 0,
        });
        return Verdict::Unclear;
    }
    let used = cpu.saturating_sub(last.cpu_first);
    let stood = seq == last.seq && cpu == last.cpu_last;
    let ran_at = if cpu == last.cpu_last { last.ran_at } else { now };
    let so_far = if seq == last.seq {
        Verdict::Stays
    } else {
        Verdict::Unclear
    };
    let often = now - last.since >= OFTEN_NANOS && used < (now - last.since) / 2;
    m.watch.set(Watch {
        seq,
        cpu_last: cpu,
        ran_at,
        ..last
    });
    if (stood || often) && cpu != 0 && sys::thread_is_asleep(tid).unwrap_or(now - ran_at >= DOUBT_NANOS) {
        return Verdict::Blocked;
    }
    if now - last.since >= LOAN_NANOS
        && let Some(p) = p
    {
        saw_long(now);
        overruns(p, m);
    }
    // What waits is seen to by whoever gets an idle P.
    if SCHED.npidle.load(Ordering::Relaxed) != 0 {
        return so_far;
    }
    if now - last.since >= SLICE_NANOS && last.cpu_asked == 0 {
        if let Some(p) = p {
            p.preempt.store(true, Ordering::Relaxed);
        }
        m.watch.set(Watch {
            cpu_asked: cpu,
            ..m.watch.get()
        });
    }
    let refuses = last.cpu_asked != 0 && cpu.saturating_sub(last.cpu_asked) >= GRACE_NANOS;
    if refuses && used >= slice() && work_waits() {
        Verdict::Burnt
    } else if now - last.since >= LOAN_NANOS && loan::is_urgent() {
        Verdict::Lent
    } else {
        so_far
    }
}

/// Nothing else starts on `m` for a while: what was placed there goes elsewhere, and if its P is on loan, it has not been
/// for what is urgent: `m` keeps it, like any other.
fn overruns(p: &'static P, m: &'static M) {
    m.overruns.store(true, Ordering::Relaxed);
    let has_starts = m.nstarts.load(Ordering::Acquire) != 0;
    let on_loan = p.on_loan.load(Ordering::Relaxed);
    if has_starts || on_loan {
        let mut shared = SCHED.lock.lock();
        block::give_starts_back(&mut shared, m);
        if p.owner.holder() == Some(m.id) {
            loan::forget(&mut shared, p);
        }
    }
    if has_starts {
        startm::wakep();
    }
}

fn slice() -> u64 {
    /// More of them make it longer than the longest.
    const MAX_DOUBLINGS: u32 = (LONGEST_SLICE_NANOS / FIRST_SLICE_NANOS).ilog2() + 1;
    let doublings = SCHED.nburning.load(Ordering::Relaxed) / SCHED.nprocs();
    (FIRST_SLICE_NANOS << doublings.min(MAX_DOUBLINGS)).min(LONGEST_SLICE_NANOS)
}

fn work_waits() -> bool {
    SCHED.nwants_p.load(Ordering::Relaxed) != 0
        || SCHED.global_len.load(Ordering::Relaxed) != 0
        || SCHED.ps().any(|p| !p.runq.is_empty())
}

/// True: the P is some other M's.
fn take(p: &'static P, m: &'static M, seq: u32, verdict: Verdict, now: u64) -> bool {
    let mut shared = SCHED.lock.lock();
    // If no M can be had for it, the P stays where it is.
    if !startm::can_startm(&shared, now) || !loan::take(&mut shared, p, m, seq) {
        return false;
    }
    match verdict {
        Verdict::Stays | Verdict::Unclear => {}
        Verdict::Blocked => counters::BLOCKED.count(),
        Verdict::Burnt => counters::BURNT.count(),
        Verdict::Lent => counters::LENT.count(),
    }
    if verdict != Verdict::Blocked {
        loan::burns(&mut shared, m);
    }
    if verdict == Verdict::Lent {
        loan::begin(&mut shared, p);
        startm::startm(shared, p, false);
    } else {
        drop(shared);
        startm::handoffp(p);
    }
    true
}
