//! P: the right to run Gs, and what that needs: a run queue, timers, stacks. There are GOMAXPROCS of them.

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, AtomicU64};

use crate::g::G;
use crate::m::M;
use crate::queue::runq::RunQueue;
use crate::stack::Cache;
use crate::timer::Timers;

/// Whose a P is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum PStatus {
    /// On the list of idle Ps.
    Idle = 0,
    /// Some M's.
    Running = 1,
}

pub(crate) struct P {
    /// Its index in `allp`. Constant.
    pub(crate) id: u32,
    /// A [`PStatus`]. Changed by the M that gets or gives it.
    pub(crate) status: AtomicU32,
    /// The M that holds it. Changed with `status`.
    pub(crate) m: AtomicPtr<M>,
    /// The holder puts, anyone steals.
    pub(crate) runq: RunQueue<G>,
    /// Counts time slices: `runnext` inherits one (Go: schedtick). Written by the holder.
    pub(crate) schedtick: AtomicU32,
    /// Counts every G run. Written by the holder.
    pub(crate) runs: AtomicU64,
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
            status: AtomicU32::new(PStatus::Idle as u32),
            m: AtomicPtr::new(std::ptr::null_mut()),
            runq: RunQueue::new(),
            schedtick: AtomicU32::new(0),
            runs: AtomicU64::new(0),
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
