//! P: the right to run Gs, and what that needs: a run queue, timers, stacks. There are GOMAXPROCS of them.

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64};

use crate::claim::Owner;
use crate::g::G;
use crate::m::M;
use crate::queue::runq::RunQueue;
use crate::stack::Cache;
use crate::timer::Timers;

pub(crate) struct P {
    /// Its index in `allp`. Constant.
    pub(crate) id: u32,
    /// The M that holds it.
    pub(crate) owner: Owner,
    /// The M that it was taken from and that has not noticed: it can have it back. Under the sched lock.
    pub(crate) lender: Cell<Option<&'static M>>,
    /// Whoever holds it does what is urgent, and then gives it back to the lender. Changed under the sched lock.
    pub(crate) on_loan: AtomicBool,
    /// The holder puts, anyone steals.
    pub(crate) runq: RunQueue<G>,
    /// Counts time slices: `runnext` inherits one (Go: schedtick). Written by the holder.
    pub(crate) schedtick: AtomicU32,
    /// Counts every G that is taken up to be run. Written by the holder.
    pub(crate) runs: AtomicU64,
    /// How often something was stolen for it, and how many Gs. Written by the holder.
    pub(crate) steals: AtomicU64,
    pub(crate) stolen: AtomicU64,
    /// How often there was nothing left to run. Written by the holder.
    pub(crate) parks: AtomicU64,
    /// What `runs` was when something urgent last had its turn. The holder's.
    pub(crate) urgent_at: Cell<u64>,
    /// How often it was taken from an M in user code. Written under the sched lock.
    pub(crate) taken: AtomicU64,
    /// The running slice is over (Go: preempt). Set by sysmon, cleared by the holder.
    pub(crate) preempt: AtomicBool,
    /// Anyone's; it has its own lock.
    pub(crate) timers: Timers,
    /// The deadline that was last found to lie ahead, and the cputicks before which it need not be compared with the
    /// clock again. The holder's.
    pub(crate) timer_ahead: Cell<(u64, u64)>,
    /// The holder's.
    pub(crate) stacks: Cache,
    /// The next goid and how many are left (Go: goidcache). The holder's.
    pub(crate) goid: Cell<u64>,
    pub(crate) goid_left: Cell<u64>,
    /// Link of the idle list: under the sched lock.
    pub(crate) link: Cell<Option<&'static P>>,
}

// SAFETY: see who may touch each field.
unsafe impl Sync for P {}
// SAFETY: as above.
unsafe impl Send for P {}

impl P {
    pub(crate) fn new(id: u32) -> P {
        P {
            id,
            owner: Owner::new(),
            lender: Cell::new(None),
            on_loan: AtomicBool::new(false),
            runq: RunQueue::new(),
            schedtick: AtomicU32::new(0),
            runs: AtomicU64::new(0),
            urgent_at: Cell::new(u64::MAX),
            steals: AtomicU64::new(0),
            stolen: AtomicU64::new(0),
            parks: AtomicU64::new(0),
            taken: AtomicU64::new(0),
            preempt: AtomicBool::new(false),
            timers: Timers::new(),
            timer_ahead: Cell::new((u64::MAX, 0)),
            stacks: Cache::new(),
            goid: Cell::new(0),
            goid_left: Cell::new(0),
            link: Cell::new(None),
        }
    }
}
