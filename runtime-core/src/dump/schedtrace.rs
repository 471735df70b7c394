//! What the scheduler is doing, in the format of Go's schedtrace as far as its words mean something here. On sysmon.
//!
//! Status numbers are Go's (runtime2.go): a P is idle 0, running 1, stopped 3; a G runnable 1, running 2, on a blocking
//! thread 3 (Go: in a system call), waiting 4, dead 6.

use std::alloc::System;
use std::fmt::{self, Display, Write};
use std::sync::atomic::Ordering;

use allocator_api2::vec::Vec;

use super::glance;
use super::text::Text;
use crate::claim::Seq;
use crate::g::{G, Gp};
use crate::m::{M, Presence};
use crate::p::P;
use crate::queue::allgs::Walk;
use crate::sched::SCHED;
use crate::sched::figures::Figures;
use crate::state::Status;

/// How many Gs are looked at in one go.
const BATCH: usize = 64;

/// Prints a line, `millis` after the start; `detail`: and one for each P, M and G.
pub(crate) fn print(millis: u64, detail: bool) {
    let mut text = Text::new();
    // What finds no memory is left out.
    let _ = write(&mut text, millis, detail);
    text.print();
}

fn write(text: &mut Text, millis: u64, detail: bool) -> fmt::Result {
    let figures = Figures::take();
    write!(
        text,
        "SCHED {millis}ms: gomaxprocs={} idleprocs={} threads={} spinningthreads={} needspinning={} idlethreads={} \
         runqueue={}",
        figures.procs,
        figures.idle_procs,
        figures.threads,
        figures.spinning,
        u8::from(figures.need_spinning),
        figures.idle_threads,
        figures.global,
    )?;
    if !detail {
        for (i, p) in SCHED.ps().enumerate() {
            let before = if i == 0 { " [" } else { " " };
            write!(text, "{before}{}", p.runq.len())?;
        }
        return text.write_str("]\n");
    }
    writeln!(
        text,
        " wantp={} burning={} stopwait={} sysmonwait={}",
        figures.want_p,
        figures.burning,
        if figures.stopping {
            figures.procs - figures.stopped_procs
        } else {
            0
        },
        figures.sysmon_waits,
    )?;
    for p in SCHED.ps() {
        write_p(text, p, figures.stopping)?;
    }
    write_ms_and_gs(text)
}

fn write_p(text: &mut Text, p: &'static P, stopping: bool) -> fmt::Result {
    let holder = p.owner.holder();
    let status = match holder {
        Some(_) => 1,
        None if stopping => 3,
        None => 0,
    };
    writeln!(
        text,
        "  P{}: status={status} schedtick={} runs={} taken={} m={} runqsize={} timerslen={} onloan={}",
        p.id,
        p.schedtick.load(Ordering::Relaxed),
        p.runs.load(Ordering::Relaxed),
        p.taken.load(Ordering::Relaxed),
        OrNil(holder),
        p.runq.len(),
        p.timers.len(),
        p.on_loan.load(Ordering::Relaxed),
    )
}

/// An M with the G that it runs, as far as one knows.
struct Runs {
    /// Null: none. It may be gone by now.
    curg: *const G,
    goid: Option<u64>,
    m: &'static M,
}

fn write_ms_and_gs(text: &mut Text) -> fmt::Result {
    let mut ms = Vec::new_in(System);
    for m in SCHED.ms() {
        let curg = m.curg.peek();
        ms.try_reserve(1).map_err(|_| fmt::Error)?;
        ms.push(Runs { curg, goid: None, m });
    }
    ms.sort_unstable_by_key(|runs| runs.curg);
    let mut gs = Text::new();
    // A dump goes on at the same time: this one does without Gs.
    let walk = Walk::try_new();
    if let Some(mut walk) = walk {
        while walk.step(BATCH, |g| {
            let place = ms.binary_search_by_key(&g.as_ptr().cast_const(), |runs| runs.curg);
            let runs = place.ok().map(|place| &mut ms[place]);
            let _ = write_g(&mut gs, g, runs.as_ref().map(|runs| runs.m.id));
            if let Some(runs) = runs {
                runs.goid = Some(g.g().goid.get());
            }
        }) {}
    }
    ms.sort_unstable_by_key(|runs| runs.m.id);
    for runs in &ms {
        write_m(text, runs)?;
    }
    text.write_str(gs.as_str())
}

fn write_m(text: &mut Text, runs: &Runs) -> fmt::Result {
    let m = runs.m;
    let p = SCHED.ps().find(|p| p.owner.holder() == Some(m.id));
    let presence = m.presence();
    writeln!(
        text,
        "  M{}: p={} curg={} blocked={} polling={} wantsp={} user={} pins={} waitedfor={} stuck={} tid={}",
        m.id,
        OrNil(p.map(|p| p.id)),
        OrNil(runs.goid),
        presence == Presence::Idle,
        presence == Presence::Polling,
        presence == Presence::WantsP,
        Seq::is_user(m.seq.look()),
        m.npins.load(Ordering::Relaxed),
        m.pinned.has_any(),
        m.stuck.get().reported,
        m.tid.load(Ordering::Relaxed),
    )
}

/// Under the lock of the G's shard. `m`: which runs it.
fn write_g(text: &mut Text, g: Gp, m: Option<u32>) -> fmt::Result {
    let state = &g.g().state;
    let glance = state.glance();
    let status = match glance.status {
        Status::Runnable => 1,
        Status::Running if g.g().vtable.blocks => 3,
        Status::Running => 2,
        Status::Waiting => 4,
        Status::Dead => 6,
    };
    let home = g.home().filter(|_| glance.has_frames || state.is_local());
    writeln!(
        text,
        "  G{}: status={status}({}) m={} lockedm={}",
        g.g().goid.get(),
        glance::doing(g),
        OrNil(m),
        OrNil(home.map(|home| home.id)),
    )
}

/// Go's word for none.
struct OrNil<T>(Option<T>);

impl<T: Display> Display for OrNil<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Some(value) => value.fmt(f),
            None => f.write_str("nil"),
        }
    }
}
