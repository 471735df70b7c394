//! M: a thread of the runtime. Ms are never freed: a pointer to one stays good, and an idle one is used again.
//!
//! Each field says who may touch it. "Owner" is the M's own thread.

use std::cell::Cell;
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, AtomicU64, Ordering};

use crate::claim::Seq;
use crate::g::{G, Gp};
use crate::getg;
use crate::lock::{Lock, Rank};
use crate::note::Note;
use crate::p::P;
use crate::queue::list::GList;
use crate::queue::pinned::Pinned;
use crate::sanitize;
use crate::stack::{Stack, Top};
use crate::throw;

/// What a waker of a pinned G must do for its home M (rule 7). Changed by the owner, and under the sched lock by
/// whoever wakes the M.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum Presence {
    /// It has a P or is about to look: it finds the G by itself.
    Active = 0,
    /// On the list of idle Ms, asleep on its note.
    Idle = 1,
    /// Blocked in the poller, without a P.
    Polling = 2,
    /// In the queue of Ms that want a P, asleep on its note.
    WantsP = 3,
    /// In user code without a P: it looks when it comes back.
    Away = 4,
}

/// Whether an M lost its P because it burned, and has not come back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum Burns {
    No = 0,
    /// `SCHED.nburning` counts it.
    Yes = 1,
    /// So it was; since then it blocks.
    Asleep = 2,
}

/// sysmon's M stands in no list.
pub(crate) const SYSMON_ID: u32 = u32::MAX;

impl Presence {
    fn from_word(word: u32) -> Presence {
        match word {
            0 => Presence::Active,
            1 => Presence::Idle,
            2 => Presence::Polling,
            3 => Presence::WantsP,
            _ => Presence::Away,
        }
    }
}

/// g0: the thread's own stack, on which only the scheduler runs.
#[derive(Default)]
pub(crate) struct G0 {
    /// Where `schedule` stands while a G runs. Owner.
    pub(crate) sp: Cell<usize>,
    /// Bounds of the thread's stack; set once in `minit`.
    pub(crate) lo: Cell<usize>,
    pub(crate) hi: Cell<usize>,
    pub(crate) guard: Cell<usize>,
    /// What a sanitizer keeps of the thread. Owner.
    pub(crate) sanitize: sanitize::OfThread,
}

/// What sysmon has seen of an M that holds a P.
#[derive(Clone, Copy)]
pub(crate) struct Watch {
    /// `M.runs` at the last look, and when it was first seen so.
    pub(crate) runs: u64,
    pub(crate) since: u64,
    /// `M.seq` at the last look.
    pub(crate) seq: u32,
    /// Its CPU clock when `runs` was first seen so, and at the last look; 0 if nobody has asked.
    pub(crate) cpu_first: u64,
    pub(crate) cpu_last: u64,
    /// When that clock was last seen to have gone on.
    pub(crate) ran_at: u64,
    /// Its CPU clock when its G was asked to yield; 0 if it was not.
    pub(crate) cpu_asked: u64,
}

impl Watch {
    const fn new() -> Watch {
        Watch {
            runs: 0,
            since: 0,
            seq: 0,
            cpu_first: 0,
            cpu_last: 0,
            ran_at: 0,
            cpu_asked: 0,
        }
    }
}

/// For how long sysmon has seen an M in user code while its own Gs waited.
#[derive(Clone, Copy)]
pub(crate) struct Stuck {
    /// `M.runs` all the while.
    pub(crate) runs: u64,
    pub(crate) nanos: u64,
    /// It has been reported as often; this time, too, if `reported`.
    pub(crate) reports: u32,
    pub(crate) reported: bool,
}

impl Stuck {
    const fn new() -> Stuck {
        Stuck {
            runs: 0,
            nanos: 0,
            reports: 0,
            reported: false,
        }
    }
}

/// The G that an M runs. Others may look at it, to learn where the G is.
pub(crate) struct CurG(AtomicPtr<G>);

impl CurG {
    /// Owner.
    #[inline]
    pub(crate) fn get(&self) -> Option<Gp> {
        Gp::from_ptr(self.0.load(Ordering::Relaxed))
    }

    /// Owner. Release: who no longer finds a G here finds all that it left on its stack.
    #[inline]
    pub(crate) fn set(&self, g: Option<Gp>) {
        let g = g.map_or(ptr::null_mut(), Gp::as_ptr);
        self.0.store(g, Ordering::Release);
    }

    /// Anybody. The pointer is for comparing only.
    pub(crate) fn peek(&self) -> *const G {
        self.0.load(Ordering::Acquire)
    }
}

pub(crate) struct M {
    /// Constant.
    pub(crate) id: u32,
    /// One of the first GOMAXPROCS: goroutines live on these. Constant once in `allm`.
    pub(crate) is_home: AtomicBool,
    /// Set once by the owner.
    pub(crate) tid: AtomicU32,
    /// Owner.
    pub(crate) g0: G0,
    /// The G that runs, None on g0. Written by the owner.
    pub(crate) curg: CurG,
    /// The stack that `curg` runs on. Owner.
    pub(crate) stack: Cell<Option<Stack>>,
    /// The stack that the next base poll runs on: always there while the M schedules. Owner.
    pub(crate) spare: Cell<Option<Stack>>,
    /// A stack that the G which has just left it needs no more; g0 puts it away. Owner.
    pub(crate) dead_stack: Cell<Option<Stack>>,
    /// Dead Gs to be freed off g0, through `link`. Owner.
    pub(crate) dead_gs: Cell<Option<Gp>>,
    /// Whether it is in the runtime or in user code.
    pub(crate) seq: Seq,
    /// The P it holds: sure only while it is in the runtime (`sched/enter.rs`). Owner.
    pub(crate) p: Cell<Option<&'static P>>,
    /// The P that a waker hands over before it wakes the note.
    pub(crate) nextp: AtomicPtr<P>,
    /// When it got its P, in cputicks. Owner.
    pub(crate) p_since: Cell<u64>,
    /// Looks for work without having any (Go: m.spinning). Owner; a waker sets it before the note.
    pub(crate) spinning: Cell<bool>,
    /// How many Gs it has run, the running one included. Written by the owner.
    pub(crate) runs: AtomicU64,
    /// The last run (of `runs`) of what was urgent. Owner.
    pub(crate) ran_urgent: Cell<u64>,
    /// The run (of `runs`) in which leaf futures last refused to go on, and since when (`sched/slice.rs`). Owner.
    pub(crate) refused: Cell<(u64, u64)>,
    /// See [`Burns`]. Changed under the sched lock.
    burns: AtomicU32,
    /// Its CPU clock when it was last looked at as one that burns. sysmon's.
    pub(crate) burner_cpu: Cell<u64>,
    /// Its G runs for long: no goroutine is placed here. Changed by sysmon.
    pub(crate) overruns: AtomicBool,
    /// What sysmon has seen of it. sysmon's.
    pub(crate) watch: Cell<Watch>,
    /// Whether it is stuck. sysmon's.
    pub(crate) stuck: Cell<Stuck>,
    /// See [`Presence`].
    presence: AtomicU32,
    /// Where it sleeps.
    pub(crate) note: Note,
    /// Runnable Gs that only it may run.
    pub(crate) pinned: Pinned,
    /// Goroutines that placement gave it and that it has not started; its length can be read without the lock.
    pub(crate) starts: Lock<GList>,
    pub(crate) nstarts: AtomicU32,
    /// Gs with frames on it. Written by the owner, read by placement.
    pub(crate) npins: AtomicU32,
    /// Which of its queues comes first next time. Owner.
    pub(crate) turn: Cell<bool>,
    /// No G may park: the owner is between two Gs, or in the wake of a foreign waker. Owner.
    pub(crate) nopark: Cell<u32>,
    /// xorshift state. Owner.
    pub(crate) rand: Cell<u64>,
    /// Links of the idle list or the queue for a P: under the sched lock.
    pub(crate) prev: Cell<Option<&'static M>>,
    pub(crate) next: Cell<Option<&'static M>>,
}

// SAFETY: see who may touch each field.
unsafe impl Sync for M {}
// SAFETY: as above.
unsafe impl Send for M {}

impl M {
    pub(crate) const fn new(id: u32, seed: u64) -> M {
        M {
            id,
            is_home: AtomicBool::new(false),
            tid: AtomicU32::new(0),
            g0: G0 {
                sp: Cell::new(0),
                lo: Cell::new(0),
                hi: Cell::new(0),
                guard: Cell::new(0),
                sanitize: sanitize::OfThread::new(),
            },
            curg: CurG(AtomicPtr::new(ptr::null_mut())),
            stack: Cell::new(None),
            spare: Cell::new(None),
            dead_stack: Cell::new(None),
            dead_gs: Cell::new(None),
            seq: Seq::new(),
            p: Cell::new(None),
            nextp: AtomicPtr::new(ptr::null_mut()),
            p_since: Cell::new(0),
            spinning: Cell::new(false),
            runs: AtomicU64::new(0),
            ran_urgent: Cell::new(0),
            refused: Cell::new((0, 0)),
            burns: AtomicU32::new(Burns::No as u32),
            burner_cpu: Cell::new(0),
            overruns: AtomicBool::new(false),
            watch: Cell::new(Watch::new()),
            stuck: Cell::new(Stuck::new()),
            presence: AtomicU32::new(Presence::Active as u32),
            note: Note::new(),
            pinned: Pinned::new(),
            starts: Lock::new(Rank::Starts, GList::new()),
            nstarts: AtomicU32::new(0),
            npins: AtomicU32::new(0),
            turn: Cell::new(false),
            nopark: Cell::new(0),
            rand: Cell::new(seed | 1),
            prev: Cell::new(None),
            next: Cell::new(None),
        }
    }

    /// The M that runs this code, if gort made the thread or booted on it.
    #[inline]
    pub(crate) fn current() -> Option<&'static M> {
        // SAFETY: only `bind` fills the slot, and Ms are never freed.
        unsafe { getg::get().cast::<M>().as_ref() }
    }

    /// Makes the calling thread this M's.
    pub(crate) fn bind(&'static self) {
        getg::set(ptr::from_ref(self).cast());
    }

    #[inline]
    pub(crate) fn presence(&self) -> Presence {
        Presence::from_word(self.presence.load(Ordering::Relaxed))
    }

    /// The fences around it are the caller's (rule 7).
    #[inline]
    pub(crate) fn set_presence(&self, presence: Presence) {
        self.presence.store(presence as u32, Ordering::Relaxed);
    }

    pub(crate) fn burns(&self) -> Burns {
        match self.burns.load(Ordering::Relaxed) {
            0 => Burns::No,
            1 => Burns::Yes,
            _ => Burns::Asleep,
        }
    }

    /// Says what it was. Under the sched lock.
    pub(crate) fn set_burns(&self, burns: Burns) -> Burns {
        let was = self.burns();
        self.burns.store(burns as u32, Ordering::Relaxed);
        was
    }

    /// What it runs next is urgent. Owner.
    pub(crate) fn runs_urgent_next(&self) {
        self.ran_urgent.set(self.runs.load(Ordering::Relaxed) + 1);
    }

    /// What it runs is. Owner.
    pub(crate) fn runs_urgent(&self) -> bool {
        self.ran_urgent.get() == self.runs.load(Ordering::Relaxed)
    }

    /// Whether a goroutine that is placed here is likely to start soon. What sysmon has last seen of an M says nothing of
    /// one that has come into the runtime since.
    pub(crate) fn can_start(&self) -> bool {
        let overruns = self.overruns.load(Ordering::Relaxed) && Seq::is_user(self.seq.look());
        self.presence() != Presence::Away && !overruns
    }

    /// Whether `other` is this M.
    #[inline]
    pub(crate) fn is(&self, other: &M) -> bool {
        ptr::eq(self, other)
    }

    /// Whether this is sysmon's, which never has a P nor runs a G.
    pub(crate) fn is_sysmon(&self) -> bool {
        self.id == SYSMON_ID
    }

    /// Whether Gs wait that only this M will run. Owner.
    pub(crate) fn has_own_work(&self) -> bool {
        // SAFETY: the owner asks.
        !unsafe { self.pinned.is_empty() } || self.nstarts.load(Ordering::Acquire) != 0
    }

    /// Go: cheaprand. Owner.
    pub(crate) fn cheaprand(&self) -> u32 {
        let mut x = self.rand.get();
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        self.rand.set(x);
        (x >> 32) as u32
    }

    /// The record of the stack that `curg` runs on. Owner, while a G runs.
    #[inline]
    pub(crate) fn top(&self) -> &Top {
        // SAFETY: `execute` set it to the stack that the running G owns, or borrows as the M's spare.
        unsafe { self.stack().top() }
    }

    /// That stack.
    #[inline]
    pub(crate) fn stack(&self) -> Stack {
        match self.stack.get() {
            Some(stack) => stack,
            None => throw(format_args!("M{} runs a G without a stack", self.id)),
        }
    }

    pub(crate) fn add_pin(&self) {
        self.npins
            .store(self.npins.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
    }

    pub(crate) fn remove_pin(&self) {
        self.npins
            .store(self.npins.load(Ordering::Relaxed) - 1, Ordering::Relaxed);
    }
}
