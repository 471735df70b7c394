//! [`Snapshot`]: what all Gs were doing, and how it is written down. Taken on a thread that runs no G.
//!
//! The world is stopped for a few Gs at a time, so that none of them goes on while it is looked at: what is said of one
//! is true of one moment. Between, the others go on, begin and end.

use std::alloc::System;
use std::io::{self, BufWriter, Write};
use std::ops::Range;
use std::sync::atomic::Ordering;

use allocator_api2::vec::Vec;

use super::describe::{Description, Doing, Wait, doing_by_state};
use super::symbols::Symbols;
use super::unwind::{MAX_FRAMES, Unwinder};
use crate::g::{G, Gp};
use crate::queue::allgs::Walk;
use crate::sched::{SCHED, world};
use crate::ticks;
use crate::wait_reason::WaitReason;

/// How many Gs are looked at while the world is stopped: some 100 us with a warm cache.
const BATCH: usize = 64;

/// All Gs but the runtime's own. Its memory is the system's: it grows while the world is stopped, and under the locks of
/// the list of Gs.
pub(super) struct Snapshot {
    gs: Vec<Seen, System>,
    /// The text of all names.
    names: Vec<u8, System>,
    /// The addresses of all frames.
    frames: Vec<usize, System>,
}

/// One G.
struct Seen {
    description: Description<'static>,
    name: Option<Range<usize>>,
    frames: Range<usize>,
    /// There are more frames than were taken.
    is_cut: bool,
}

impl Snapshot {
    pub(super) fn take() -> Snapshot {
        let mut snapshot = Snapshot {
            gs: Vec::new_in(System),
            names: Vec::new_in(System),
            frames: Vec::new_in(System),
        };
        let mut unwinder = Unwinder::new();
        let mut running = Vec::new_in(System);
        let mut walk = Walk::new();
        loop {
            // What takes time is done before.
            snapshot.gs.reserve(BATCH);
            snapshot.frames.reserve(BATCH * MAX_FRAMES);
            let stopped = world::stop();
            running.clear();
            running.extend(SCHED.ms().filter_map(|m| {
                let g = m.curg.peek();
                (!g.is_null()).then(|| (g, m.tid.load(Ordering::Relaxed)))
            }));
            running.sort_unstable();
            let more = walk.step(BATCH, |g| snapshot.add(g, &running, &mut unwinder));
            drop(stopped);
            if !more {
                break;
            }
        }
        drop(walk);
        snapshot.gs.sort_unstable_by_key(|seen| seen.description.id());
        snapshot
    }

    /// The world is stopped, and `g` stays: its shard is locked. `running`: the Gs that are on Ms, sorted, with the threads.
    fn add(&mut self, g: Gp, running: &[(*const G, u32)], unwinder: &mut Unwinder) {
        let header = g.g();
        if header.state.is_system() {
            return;
        }
        let start = self.frames.len();
        let mut is_cut = false;
        let mut doing = doing_by_state(g);
        let on_m = running.binary_search_by_key(&g.as_ptr().cast_const(), |(g, _)| *g);
        if let Ok(index) = on_m {
            // It may be about to wait, but has not left its stack.
            if let Doing::Running(_) = doing {
                doing = Doing::Running(Some(running[index].1));
            }
        } else {
            // A G that has yielded and is queued has stayed `Running`.
            if let Doing::Running(_) = doing {
                doing = Doing::Runnable(None);
            }
            // Nobody runs it, and nobody will before the world goes on: its frames are ours to read.
            if header.state.has_frames()
                && let Some(stack) = header.frames.get()
            {
                // SAFETY: as above.
                let top = unsafe { stack.top() };
                let wait = Wait {
                    reason: WaitReason::from_number(top.reason.get()),
                    lasted: ticks::nanos_since(top.waiting_since.get()),
                    at: top.location.get(),
                };
                doing = match doing {
                    Doing::MidStack(_) => Doing::MidStack(Some(wait)),
                    _ => Doing::Runnable(wait.at),
                };
                let frames = &mut self.frames;
                // SAFETY: as above; `park` saved it there.
                is_cut = !unsafe { unwinder.frames(stack, top.sp.get(), |at| frames.push(at)) };
            }
        }
        let name = g.name().map(|name| {
            let start = self.names.len();
            self.names.extend_from_slice(name.as_bytes());
            start..self.names.len()
        });
        self.gs.push(Seen {
            description: Description::new(g, doing),
            name,
            frames: start..self.frames.len(),
            is_cut,
        });
    }

    pub(super) fn write(&self, out: &mut impl Write) -> io::Result<()> {
        let mut out = BufWriter::new(out);
        let mut symbols = Symbols::default();
        for (i, seen) in self.gs.iter().enumerate() {
            if i != 0 {
                writeln!(out)?;
            }
            let name = seen
                .name
                .clone()
                .map(|range| String::from_utf8_lossy(&self.names[range]));
            let description = seen.description.named(name.as_deref());
            write!(out, "{}", description.head())?;
            symbols.write(&self.frames[seen.frames.clone()], &mut out)?;
            if seen.is_cut {
                writeln!(out, "...more frames")?;
            }
            write!(out, "{}", description.places())?;
        }
        out.flush()
    }
}
