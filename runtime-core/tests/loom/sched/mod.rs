//! What the files of the sleep protocol stand on, for the models of loom_sched.rs: Gs, Ms and Ps with the fields that
//! it touches, over loom's cells and atomics; a clock, a futex and threads. All lies in `SCHED`, which loom makes afresh
//! for each schedule. No file here may order what the real one does not.

pub(crate) mod g;
pub(crate) mod lock;
pub(crate) mod m;
pub(crate) mod p;
pub(crate) mod sys;
pub(crate) mod time;
pub(crate) mod world;

use std::io;

use crate::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use crate::mlist::MList;
use crate::note::Note;
use crate::queue::list::GList;
use g::Gp;
use lock::{Lock, Rank};
use m::M;
use p::P;

pub(crate) use crate::{idle, netpoll, ready, startm, steal};
pub(crate) use time::waker;

loom::lazy_static! {
    pub(crate) static ref SCHED: Sched = Sched::new();
}

/// The words that the included files use, as in src/sched/mod.rs, and below them the model's own.
pub(crate) struct Sched {
    pub(crate) lock: Lock<Shared>,
    pub(crate) global_len: AtomicUsize,
    pub(crate) npidle: AtomicU32,
    pub(crate) nmspinning: AtomicU32,
    pub(crate) need_spinning: AtomicBool,
    pub(crate) nwants_p: AtomicU32,
    pub(crate) detours: AtomicU32,
    pub(crate) lastpoll: AtomicU64,
    pub(crate) poll_until: AtomicU64,
    pub(crate) poll_note: Note,
    pub(crate) m_shortage: AtomicBool,
    pub(crate) sysmon_waits: AtomicBool,
    pub(crate) sysmon_note: Note,

    pub(crate) ms: [M; 4],
    ps: [P; 3],
    pub(crate) all_have_run: Note,
    pub(crate) world: lock::Plain<world::World>,
}

pub(crate) struct Shared {
    pub(crate) runq: GList,
    pub(crate) idle_ms: MList,
    pub(crate) idle_ps: Option<&'static P>,
    pub(crate) wants_p: MList,
    pub(crate) no_newm_until: u64,
    pub(crate) warned_no_m: bool,
}

// SAFETY: loom checks how Ms, Ps and Gs are used.
unsafe impl Sync for Sched {}
// SAFETY: as above.
unsafe impl Send for Sched {}

impl Sched {
    fn new() -> Sched {
        let shared = Shared {
            runq: GList::new(),
            idle_ms: MList::new(),
            idle_ps: None,
            wants_p: MList::new(),
            no_newm_until: 0,
            warned_no_m: false,
        };
        Sched {
            lock: Lock::new(Rank::Sched, shared),
            global_len: AtomicUsize::new(0),
            npidle: AtomicU32::new(0),
            nmspinning: AtomicU32::new(0),
            need_spinning: AtomicBool::new(false),
            nwants_p: AtomicU32::new(0),
            detours: AtomicU32::new(0),
            lastpoll: AtomicU64::new(1),
            poll_until: AtomicU64::new(0),
            poll_note: Note::new(),
            m_shortage: AtomicBool::new(false),
            sysmon_waits: AtomicBool::new(false),
            sysmon_note: Note::new(),
            ms: [0, 1, 2, 3].map(M::new),
            ps: [0, 1, 2].map(P::new),
            all_have_run: Note::new(),
            world: lock::Plain::default(),
        }
    }

    pub(crate) fn nprocs(&self) -> u32 {
        self.world.with(|world| world.nprocs)
    }

    pub(crate) fn ps(&self) -> impl Iterator<Item = &P> {
        self.ps[..self.nprocs() as usize].iter()
    }

    pub(crate) fn p(&self, id: u32) -> &P {
        &self.ps[id as usize]
    }

    /// No model changes how many there are.
    pub(crate) fn retired_ps(&self) -> impl Iterator<Item = &P> {
        std::iter::empty()
    }

    pub(crate) fn put_global(&self, shared: &mut Shared, g: Gp) {
        shared.runq.push_back(g);
        self.global_len.store(shared.runq.len(), Ordering::Relaxed);
    }

    pub(crate) fn put_global_list(&self, shared: &mut Shared, list: GList) {
        shared.runq.append(list);
        self.global_len.store(shared.runq.len(), Ordering::Relaxed);
    }

    /// The order of the global queue is not modelled.
    pub(crate) fn put_urgent(&self, shared: &mut Shared, list: GList) {
        self.put_global_list(shared, list);
    }

    pub(crate) fn get_global(&self, shared: &mut Shared) -> Option<Gp> {
        let g = shared.runq.pop_front();
        self.global_len.store(shared.runq.len(), Ordering::Relaxed);
        g
    }
}

/// Threads can be had for the Ms that the model names.
pub(crate) mod newm {
    use super::*;

    pub(crate) fn newm(p: &'static P, spinning: bool) -> io::Result<()> {
        let Some(id) = SCHED.world.with(|world| world.unmade.pop()) else {
            return Err(io::ErrorKind::WouldBlock.into());
        };
        let m = &SCHED.ms[id];
        m.spinning.set(spinning);
        idle::grant(m, p);
        world::spawn(m, || idle::take_grant(m));
        Ok(())
    }
}

/// Stacks are not modelled.
pub(crate) mod stacks {
    pub(crate) fn share(_: &mut super::Shared, _: &super::P) {}
}

/// No P is taken: loom_claim.rs has that.
pub(crate) mod enter {
    pub(crate) struct Inside;

    pub(crate) fn enter(_: &super::M) -> Inside {
        Inside
    }
}

/// Nor lent.
pub(crate) mod loan {
    use super::{M, P, Shared};

    pub(crate) fn keep(_: &mut Shared, _: &P) {}
    pub(crate) fn came_back(_: &M) {}
    pub(crate) fn is_urgent() -> bool {
        false
    }
    pub(crate) fn give_back(_: &mut Shared, _: &P) -> bool {
        false
    }
}

/// Nor does a G run for long.
pub(crate) mod slice {
    use super::P;

    pub(crate) fn are_long(_: &P) -> bool {
        false
    }
}

/// Loom finds these by itself.
pub(crate) mod deadlock {
    pub(crate) fn suspect() {}
    pub(crate) fn check() {}
}

/// Nothing is freed here.
pub(crate) mod base {
    pub(crate) fn free(_: super::Gp) {}
}

/// A quantum is the time that one G takes.
pub(crate) mod arch {
    pub(crate) fn cputicks() -> u64 {
        super::SCHED.world.with(|world| world.ran())
    }
}

pub(crate) mod ticks {
    pub(crate) fn for_nanos(_: u64) -> u64 {
        1
    }
}

/// No model ends the process.
pub(crate) mod life {
    pub(crate) fn is_over() -> bool {
        false
    }
}

/// As in src/state.rs.
pub(crate) mod state {
    pub(crate) enum Wake {
        Nothing,
        Ready { pinned: bool },
        Free,
    }
}
