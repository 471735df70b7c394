//! [`Snapshot`]: what all Gs were doing, G by G, and how it is written down. Taken on a thread that is no M.

use std::alloc::System;
use std::io::{self, BufWriter, Write};
use std::ops::Range;

use allocator_api2::vec::Vec;

use super::describe::Description;
use super::glance;
use crate::g::Gp;
use crate::queue::allgs::Walk;
use std::sync::{Mutex, PoisonError};

/// How many Gs are looked at in one go.
const BATCH: usize = 64;

/// All Gs but the runtime's own. Its memory is the system's: it grows under the locks of the list of Gs.
pub(super) struct Snapshot {
    gs: Vec<Seen, System>,
    /// The text of all names.
    names: Vec<u8, System>,
}

/// One G.
struct Seen {
    description: Description<'static>,
    name: Option<Range<usize>>,
}

impl Snapshot {
    pub(super) fn take() -> Snapshot {
        static ONE: Mutex<()> = Mutex::new(());
        let mut snapshot = Snapshot {
            gs: Vec::new_in(System),
            names: Vec::new_in(System),
        };
        let one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
        // SAFETY: under the lock, there is one.
        let mut walk = unsafe { Walk::new() };
        loop {
            snapshot.gs.reserve(BATCH);
            if !walk.step(BATCH, |g| snapshot.add(g)) {
                break;
            }
        }
        drop(one);
        snapshot.gs.sort_unstable_by_key(|seen| seen.description.id());
        snapshot
    }

    fn add(&mut self, g: Gp) {
        if g.g().state.is_system() {
            return;
        }
        let name = g.name().map(|name| {
            let start = self.names.len();
            self.names.extend_from_slice(name.as_bytes());
            start..self.names.len()
        });
        self.gs.push(Seen {
            description: Description::new(g, glance::doing(g)),
            name,
        });
    }

    pub(super) fn write(&self, out: &mut impl Write) -> io::Result<()> {
        let mut out = BufWriter::new(out);
        for (i, seen) in self.gs.iter().enumerate() {
            if i != 0 {
                writeln!(out)?;
            }
            let name = seen
                .name
                .clone()
                .map(|range| String::from_utf8_lossy(&self.names[range]));
            write!(out, "{}", seen.description.named(name.as_deref()))?;
        }
        out.flush()
    }
}
