//! Code that blocks its thread, on threads that are there for it: the pool behind `spawn_blocking` and `blocking`.
//!
//! A **blocking thread** is no M: it has no P and no g0, and all that runs there waits by blocking the thread, as on a
//! thread that gort did not make (rule 4). There are two kinds of work:
//!
//! - a **job** is a G of its own (`spawn_blocking`): queued here, run here from its start to its end, joined as any
//!   other. At most [`pool::THREADS`] of them run at once, the others wait their turn.
//! - a **call** is a frame of a G that is parked meanwhile (`blocking`), on whose stack it lies. It waits its turn behind
//!   as many others, too; but calls may wait for one another, as threads would, so `relief` adds threads while none of
//!   them gets on. No number of calls is a deadlock for want of threads, short of the limit of `threads`.
//!
//! What lies in a queue is never lost: somebody is on the way to it, or [`relief`] looks until somebody is. When the
//! system refuses a thread while there is none, a job becomes a goroutine of an ordinary M, and a call is run in place.

mod call;
mod pool;
mod relief;
mod worker;

use crate::g::Gp;
use crate::life;
use crate::m::M;
use crate::sched::{block, newproc};
use call::Call;
use pool::{POOL, Work};

pub(crate) use pool::{Figures, figures};
pub(crate) use relief::{in_need, relieve};
pub(crate) use worker::find_overflow;

/// Makes `g` known, to be run on a blocking thread.
///
/// # Safety
/// `g` is fresh: nobody else has seen it; its vtable says that it blocks. Its runtime reference is given up.
pub(crate) unsafe fn submit(g: Gp) {
    newproc::register(g);
    POOL.submit(Work::Job(g));
}

/// Runs `f` on a blocking thread while the calling G is parked, and returns when it has ended. Where nothing can be
/// parked, or no thread can be had, it runs here: on an M the P goes elsewhere meanwhile.
///
/// `f` is called once, and does not unwind.
#[track_caller]
pub fn call(f: &mut (dyn FnMut() + Send)) {
    life::check_fork();
    let Some((m, g)) = M::current().and_then(|m| Some((m, m.curg.get()?))) else {
        return f();
    };
    let may_park = m.nopark.get() == 0 && !std::thread::panicking();
    if !may_park || Call::new(g, f).run().is_err() {
        block::away(m, f);
    }
}
