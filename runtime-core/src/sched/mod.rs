//! The scheduler: distributes runnable Gs over Ms that hold Ps. Go: proc.go. The sleep protocol and its proof are in
//! `README.md` beside this file.
//!
//! This file holds the scheduler's shared words and lists; the verbs are in the files named for them. All of it runs
//! on g0 but for `park`, `base`, `newproc` and `ready`, which user code enters on its own stack.

pub(crate) mod base;
pub(crate) mod block;
pub(crate) mod blocking;
pub(crate) mod counters;
pub(crate) mod deadlock;
pub(crate) mod deferred;
pub(crate) mod enter;
pub(crate) mod figures;
pub(crate) mod find_runnable;
pub(crate) mod idle;
pub(crate) mod loan;
mod mlist;
pub(crate) mod mstart;
pub(crate) mod ncpu;
pub(crate) mod netpoll;
pub(crate) mod newm;
pub(crate) mod newproc;
pub(crate) mod park;
pub(crate) mod placement;
pub(crate) mod procs;
pub(crate) mod ready;
pub(crate) mod scavenger;
pub(crate) mod schedule;
pub(crate) mod sleeper;
pub(crate) mod slice;
pub(crate) mod stacks;
pub(crate) mod startm;
pub(crate) mod steal;
pub(crate) mod switch;
pub(crate) mod threads;
pub(crate) mod time;
pub(crate) mod waker;
pub(crate) mod world;

use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Ordering};

use crossbeam_utils::CachePadded;

use crate::g::Gp;
use crate::lock::{Lock, Rank};
use crate::m::M;
use crate::note::Note;
use crate::p::P;
use crate::queue::list::GList;
use mlist::MList;

/// The most Ps there can be; $GOMAXPROCS beyond is cut down to it.
pub(crate) const MAX_PROCS: usize = 1024;
/// The most Ms there can be, whatever [`threads`] allows.
pub(crate) const MAX_MS: usize = 1 << 16;

pub(crate) static SCHED: Sched = Sched::new();

/// Go: schedt. Words are read without the lock and changed as each says.
pub(crate) struct Sched {
    pub(crate) lock: Lock<Shared>,
    /// Length of the global queue, with what is urgent: changed under the lock.
    pub(crate) global_len: AtomicUsize,
    /// Length of what is urgent: changed under the lock.
    pub(crate) urgent_len: AtomicUsize,
    /// Idle Ps: changed under the lock.
    pub(crate) npidle: CachePadded<AtomicU32>,
    /// Ms that look for work: up by whoever makes one spin, down by the M.
    pub(crate) nmspinning: CachePadded<AtomicU32>,
    /// Somebody found work and no P for it: an M that would let its P go without looking, because others seemed to
    /// look, looks first (Go: needspinning). Set under the lock.
    pub(crate) need_spinning: AtomicBool,
    /// Ms in `Shared::wants_p`: changed under the lock.
    pub(crate) nwants_p: CachePadded<AtomicU32>,
    /// How many reasons there are for an M not to run what is at hand: Ms that want a P, Ps on loan, something urgent,
    /// the world that stops. Changed under the lock.
    pub(crate) detours: CachePadded<AtomicU32>,
    /// Ms that lost their P because they burned, and neither have come back nor block: changed under the lock.
    pub(crate) nburning: AtomicU32,
    /// Somebody wants every P (Go: gcwaiting). Changed under the lock.
    pub(crate) stopping: AtomicBool,
    /// Who stops the world sleeps on it.
    pub(crate) stop_note: Note,
    /// When the network was last polled; 0 while an M blocks in the poller (Go: lastpoll).
    pub(crate) lastpoll: CachePadded<AtomicU64>,
    /// Until when that M will block; 0: unknown (Go: pollUntil).
    pub(crate) poll_until: AtomicU64,
    /// What it sleeps on until there is a poller for the network.
    pub(crate) poll_note: Note,
    /// Go: goidgen.
    pub(crate) goidgen: AtomicU64,
    /// `Shared::wants_stack` is not empty: changed under the lock.
    pub(crate) stack_shortage: AtomicBool,
    /// No M could be made when that was last tried: changed under the lock.
    pub(crate) m_shortage: AtomicBool,
    /// GOMAXPROCS. Changed with the world stopped.
    pub(crate) nprocs: AtomicU32,
    /// Indexed by P id; the first `nps` are set: more than `nprocs` if there once were more.
    allp: [AtomicPtr<P>; MAX_PROCS],
    pub(crate) nps: AtomicU32,
    /// Indexed by M id; the first `nm` are set.
    allm: [AtomicPtr<M>; MAX_MS],
    pub(crate) nm: AtomicU32,
    /// The Ms that goroutines live on: the first `nhomes` are set, at most one per P.
    homes: [AtomicPtr<M>; MAX_PROCS],
    pub(crate) nhomes: AtomicU32,
    /// sysmon sleeps until somebody gets a P (Go: sysmonwait, sysmonnote).
    pub(crate) sysmon_waits: AtomicBool,
    pub(crate) sysmon_note: Note,
}

/// What the sched lock protects.
pub(crate) struct Shared {
    /// The global run queue.
    runq: GList,
    /// The part of it that was waited for: what the network, timers and other threads made runnable. A P is lent for it.
    urgent: GList,
    /// Which of the two comes first next time.
    turn: bool,
    /// Idle Ms (Go: midle), those that goroutines live on first.
    idle_ms: MList,
    /// Idle Ps (Go: pidle).
    idle_ps: Option<&'static P>,
    /// The Ps of a world that is stopped or about to be.
    stopped_ps: Option<&'static P>,
    nstopped: u32,
    /// Ms with pinned work and no P, oldest first.
    wants_p: MList,
    /// Goroutines that found no stack to start on.
    pub(crate) wants_stack: GList,
    /// Ms that got no thread, for the next attempts.
    unused_ms: MList,
    /// No M could be made; until when nobody tries again.
    pub(crate) no_newm_until: u64,
    /// The line that says so has been printed.
    pub(crate) warned_no_stack: bool,
    /// As has the one that says that no M can be made.
    pub(crate) warned_no_m: bool,
}

impl Sched {
    const fn new() -> Sched {
        Sched {
            lock: Lock::new(
                Rank::Sched,
                Shared {
                    runq: GList::new(),
                    urgent: GList::new(),
                    turn: false,
                    idle_ms: MList::new(),
                    idle_ps: None,
                    stopped_ps: None,
                    nstopped: 0,
                    wants_p: MList::new(),
                    wants_stack: GList::new(),
                    unused_ms: MList::new(),
                    no_newm_until: 0,
                    warned_no_stack: false,
                    warned_no_m: false,
                },
            ),
            global_len: AtomicUsize::new(0),
            urgent_len: AtomicUsize::new(0),
            npidle: CachePadded::new(AtomicU32::new(0)),
            nmspinning: CachePadded::new(AtomicU32::new(0)),
            need_spinning: AtomicBool::new(false),
            nwants_p: CachePadded::new(AtomicU32::new(0)),
            detours: CachePadded::new(AtomicU32::new(0)),
            nburning: AtomicU32::new(0),
            stopping: AtomicBool::new(false),
            stop_note: Note::new(),
            lastpoll: CachePadded::new(AtomicU64::new(0)),
            poll_until: AtomicU64::new(0),
            poll_note: Note::new(),
            goidgen: AtomicU64::new(0),
            stack_shortage: AtomicBool::new(false),
            m_shortage: AtomicBool::new(false),
            nprocs: AtomicU32::new(0),
            allp: [const { AtomicPtr::new(ptr::null_mut()) }; MAX_PROCS],
            nps: AtomicU32::new(0),
            allm: [const { AtomicPtr::new(ptr::null_mut()) }; MAX_MS],
            nm: AtomicU32::new(0),
            homes: [const { AtomicPtr::new(ptr::null_mut()) }; MAX_PROCS],
            nhomes: AtomicU32::new(0),
            sysmon_waits: AtomicBool::new(false),
            sysmon_note: Note::new(),
        }
    }

    /// GOMAXPROCS.
    #[inline]
    pub(crate) fn nprocs(&self) -> u32 {
        self.nprocs.load(Ordering::Relaxed)
    }

    /// All Ps.
    pub(crate) fn ps(&self) -> impl Iterator<Item = &'static P> + '_ {
        (0..self.nprocs()).map(|id| self.p(id))
    }

    /// Those that there were when GOMAXPROCS was larger. They may still have timers.
    pub(crate) fn retired_ps(&self) -> impl Iterator<Item = &'static P> + '_ {
        (self.nprocs()..self.nps.load(Ordering::Acquire)).map(|id| self.p(id))
    }

    /// The P of that id, below `nps`.
    pub(crate) fn p(&self, id: u32) -> &'static P {
        // SAFETY: Ps are never freed, Acquire pairs with `set_p`, and procresize fills the slot before it raises `nps`
        // and `nprocs`.
        unsafe { &*self.allp[id as usize].load(Ordering::Acquire) }
    }

    pub(crate) fn p_or_none(&self, id: u32) -> Option<&'static P> {
        // SAFETY: as in `p`.
        unsafe { self.allp[id as usize].load(Ordering::Acquire).as_ref() }
    }

    pub(crate) fn set_p(&self, p: &'static P) {
        self.allp[p.id as usize].store(ptr::from_ref(p).cast_mut(), Ordering::Release);
    }

    /// The M of that id.
    pub(crate) fn m(&self, id: u32) -> Option<&'static M> {
        // SAFETY: Ms are never freed, and Acquire pairs with `set_m`.
        unsafe { self.allm.get(id as usize)?.load(Ordering::Acquire).as_ref() }
    }

    pub(crate) fn set_m(&self, m: &'static M) {
        self.allm[m.id as usize].store(ptr::from_ref(m).cast_mut(), Ordering::Release);
    }

    /// For debuggers: where the addresses of all Ms lie, and where their number.
    pub(crate) fn ms_addresses(&self) -> (usize, usize) {
        (ptr::from_ref(&self.allm).addr(), self.nm.as_ptr().addr())
    }

    /// All Ms but sysmon's.
    pub(crate) fn ms(&self) -> impl Iterator<Item = &'static M> + '_ {
        let n = self.nm.load(Ordering::Acquire) as usize;
        // SAFETY: Ms are never freed, and Acquire pairs with `set_m`.
        self.allm[..n]
            .iter()
            .filter_map(|m| unsafe { m.load(Ordering::Acquire).as_ref() })
    }

    /// Makes `m` one that goroutines live on if there are fewer of them than Ps. Under the lock.
    pub(crate) fn adopt_home(&self, _shared: &mut Shared, m: &'static M) {
        let n = self.nhomes.load(Ordering::Relaxed);
        if n < self.nprocs() {
            m.is_home.store(true, Ordering::Relaxed);
            self.homes[n as usize].store(ptr::from_ref(m).cast_mut(), Ordering::Release);
            self.nhomes.store(n + 1, Ordering::Release);
        }
    }

    /// Leaves `n` Ms that goroutines live on. What lives on the others stays there. Under the lock.
    pub(crate) fn dismiss_homes(&self, _shared: &mut Shared, n: u32) {
        let kept = self.nhomes.load(Ordering::Relaxed).min(n);
        for home in self.homes().skip(kept as usize) {
            home.is_home.store(false, Ordering::Relaxed);
        }
        self.nhomes.store(kept, Ordering::Release);
    }

    /// The Ms that goroutines live on.
    pub(crate) fn homes(&self) -> impl Iterator<Item = &'static M> + '_ {
        let n = self.nhomes.load(Ordering::Acquire) as usize;
        // SAFETY: Ms are never freed, and Acquire pairs with `adopt_home`.
        self.homes[..n]
            .iter()
            .filter_map(|m| unsafe { m.load(Ordering::Acquire).as_ref() })
    }

    /// Puts `g` at the end of the global queue (Go: globrunqput).
    pub(crate) fn put_global(&self, shared: &mut Shared, g: Gp) {
        shared.runq.push_back(g);
        self.count_global(shared);
    }

    /// Puts a list there (Go: globrunqputbatch).
    pub(crate) fn put_global_list(&self, shared: &mut Shared, list: GList) {
        shared.runq.append(list);
        self.count_global(shared);
    }

    /// Puts a list there that the network or a timer made runnable.
    pub(crate) fn put_urgent(&self, shared: &mut Shared, list: GList) {
        shared.urgent.append(list);
        self.count_global(shared);
    }

    /// What is urgent and what is not take turns: neither starves the other. For `m`, which runs it.
    pub(crate) fn get_global(&self, shared: &mut Shared, m: &M) -> Option<Gp> {
        shared.turn = !shared.turn;
        if shared.turn || shared.runq.is_empty() {
            let urgent = self.get_urgent(shared, m);
            if urgent.is_some() {
                return urgent;
            }
        }
        self.get_patient(shared)
    }

    /// What is not urgent.
    pub(crate) fn get_patient(&self, shared: &mut Shared) -> Option<Gp> {
        let g = shared.runq.pop_front();
        self.count_global(shared);
        g
    }

    /// What is urgent. For `m`, which runs it.
    pub(crate) fn get_urgent(&self, shared: &mut Shared, m: &M) -> Option<Gp> {
        let g = shared.urgent.pop_front()?;
        self.count_global(shared);
        m.runs_urgent_next();
        Some(g)
    }

    fn count_global(&self, shared: &Shared) {
        let urgent = shared.urgent.len();
        let before = self.urgent_len.load(Ordering::Relaxed);
        self.urgent_len.store(urgent, Ordering::Relaxed);
        if before == 0 && urgent != 0 {
            self.detours.fetch_add(1, Ordering::Relaxed);
        } else if before != 0 && urgent == 0 {
            self.detours.fetch_sub(1, Ordering::Relaxed);
        }
        self.global_len
            .store(shared.runq.len() + urgent, Ordering::Relaxed);
    }
}
