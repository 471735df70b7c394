//! The report of an M that is stuck in user code: what it runs, and what waits for it. On sysmon.

use std::fmt::{self, Write};
use std::sync::atomic::Ordering;

use super::describe::{Description, Doing, Lasted};
use super::glance;
use super::text::Text;
use crate::g::Gp;
use crate::m::M;
use crate::queue::allgs::Walk;
use crate::state::Status;

/// So many of those that wait are shown.
const SHOWN: usize = 4;
/// How many Gs are looked at in one go.
const BATCH: usize = 64;

/// Prints it, as one text: `m` has been in user code for `nanos`; `sleeps`: its thread does so in the kernel. Nothing if
/// none of the program's Gs waits for it after all. False: others walk through all Gs; later, then.
#[must_use]
pub(crate) fn report(m: &'static M, nanos: u64, sleeps: bool) -> bool {
    let Some(found) = Found::look(m) else { return false };
    if found.nwaiting != 0 {
        let mut text = Text::new();
        // What finds no memory is left out.
        let _ = found.write(&mut text, m, nanos, sleeps);
        text.print();
    }
    true
}

/// What is known of both.
struct Found {
    running: Text,
    /// The first of those that wait.
    waiting: Text,
    nwaiting: usize,
}

impl Found {
    fn look(m: &'static M) -> Option<Found> {
        let mut found = Found {
            running: Text::new(),
            waiting: Text::new(),
            nwaiting: 0,
        };
        let mut walk = Walk::try_new()?;
        while walk.step(BATCH, |g| found.add(m, g)) {}
        Some(found)
    }

    /// Under the lock of the G's shard.
    fn add(&mut self, m: &'static M, g: Gp) {
        let state = &g.g().state;
        let glance = state.glance();
        if m.curg.peek() == g.as_ptr() {
            let doing = Doing::Running(Some(m.tid.load(Ordering::Relaxed)));
            let description = Description::new(g, doing).named(g.name());
            let _ = write!(self.running, "{}", description.head());
            if let Some(place) = glance::place(g) {
                let _ = writeln!(self.running, "\tlast waited at {place}");
            }
            let _ = write!(self.running, "{}", description.places());
            return;
        }
        let is_pinned = glance.has_frames || state.is_local();
        // Running: it has yielded, and is queued.
        let is_queued = matches!(glance.status, Status::Runnable | Status::Running);
        if !is_queued || !is_pinned || !g.home().is_some_and(|home| home.is(m)) {
            return;
        }
        self.nwaiting += 1;
        if self.nwaiting <= SHOWN {
            let doing = Doing::Runnable(glance::place(g));
            let description = Description::new(g, doing).named(g.name());
            let _ = write!(self.waiting, "\n{}{}", description.head(), description.places());
        }
    }

    fn write(&self, text: &mut Text, m: &'static M, nanos: u64, sleeps: bool) -> fmt::Result {
        let does = if sleeps { "blocks" } else { "computes" };
        let running = match self.running.as_str() {
            // Its body has ended, and left the list of all Gs.
            "" => "what is left of one that has ended\n",
            text => text,
        };
        writeln!(
            text,
            "gort: M{} is stuck: for {} it {does} in the code of\n\n{running}\n\
             and keeps from running, for they live on this thread,\n{}",
            m.id,
            Lasted(nanos),
            self.waiting.as_str(),
        )?;
        if self.nwaiting > SHOWN {
            writeln!(text, "and {} more.\n", self.nwaiting - SHOWN)?;
        }
        text.write_str(
            "If it waits for one of these, that never ends. Hold no guard of std over a wait, wait for goroutines with \
             what parks,\nand wrap what blocks or computes in gort::blocking. (GORTDEBUG=stuck=0: no such reports.)\n",
        )
    }
}
