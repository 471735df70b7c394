//! What sysmon does for queued work that no worker is on the way to: it makes another worker.
//!
//! Jobs wait only while the system refuses threads. Calls wait behind [`THREADS`] others, which may wait for them: when
//! none has been taken out of the queue for a while, and not each of them has a worker on the way, there is one worker
//! more, beyond that number. Not so soon if the processors are busy: the calls then burn CPU rather than wait, and more
//! of them at once would be no quicker.
//!
//! [`THREADS`]: super::pool::THREADS

use std::sync::atomic::{AtomicBool, Ordering};

use crate::sched::blocking::pool::{Kind, NoThread, POOL};
use crate::sched::{SCHED, threads};
use crate::sys;

/// Calls have not got on for so long: there is one worker more.
const STALL_NANOS: u64 = 10_000_000;
/// The same while the processors are busy.
const BUSY_STALL_NANOS: u64 = 1_000_000_000;

/// sysmon is to look. Set by who queues, cleared by sysmon under the pool's lock.
static NEEDED: AtomicBool = AtomicBool::new(false);

/// Whether calls get on: sysmon's view. Under the pool's lock.
pub(super) struct Calls {
    /// How many have been taken out of the queue.
    taken: u64,
    /// None: nobody has looked since a call was queued.
    last: Option<Look>,
}

struct Look {
    taken: u64,
    at: u64,
    /// What CPU time the process had used.
    cpu: u64,
}

impl Calls {
    pub(super) const fn new() -> Calls {
        Calls { taken: 0, last: None }
    }

    /// One has been taken out of the queue.
    pub(super) fn count(&mut self) {
        self.taken += 1;
    }

    /// Whether none has been for too long, since this was last so or nobody had looked.
    fn have_stalled(&mut self, at: u64) -> bool {
        let taken = self.taken;
        let cpu = sys::process_cpu_time();
        let mut have_stalled = false;
        if let Some(last) = self.last.as_ref().filter(|last| last.taken == taken) {
            let elapsed = at.saturating_sub(last.at);
            let is_busy = 2 * cpu.saturating_sub(last.cpu) >= elapsed * u64::from(SCHED.nprocs());
            if elapsed < if is_busy { BUSY_STALL_NANOS } else { STALL_NANOS } {
                return false;
            }
            have_stalled = true;
        }
        self.last = Some(Look { taken, at, cpu });
        have_stalled
    }
}

/// Whether sysmon has to look, and must not sleep deeply.
pub(crate) fn in_need() -> bool {
    NEEDED.load(Ordering::SeqCst)
}

/// Has sysmon look. Under no lock.
#[cold]
pub(super) fn call() {
    NEEDED.store(true, Ordering::SeqCst);
    // Under the lock under which sysmon looks at NEEDED before it sleeps deeply.
    let _shared = SCHED.lock.lock();
    if SCHED.sysmon_waits.swap(false, Ordering::SeqCst) {
        SCHED.sysmon_note.wakeup();
    }
}

/// Makes workers for what waits. sysmon only, every 10 ms at least while [`in_need`].
pub(crate) fn relieve(now: u64) {
    for kind in [Kind::Job, Kind::Call] {
        let worker = {
            let mut shared = POOL.lock();
            let wanted = shared.is_left(kind)
                && (shared.has_room(kind) || kind == Kind::Call && shared.progress.have_stalled(now));
            if !wanted {
                continue;
            }
            shared.add_worker(kind)
        };
        match POOL.start(kind, worker) {
            // Without one more they would wait for ever.
            Err(NoThread::Limit) if kind == Kind::Call && POOL.lock().is_left(kind) => threads::exhausted(),
            // Otherwise the work stays where it is, and this looks again.
            Ok(()) | Err(_) => {}
        }
    }
    let mut shared = POOL.lock();
    if !shared.is_queued(Kind::Call) {
        shared.progress.last = None;
    }
    let jobs_wait = shared.is_queued(Kind::Job) && shared.has_room(Kind::Job);
    NEEDED.store(jobs_wait || shared.is_queued(Kind::Call), Ordering::SeqCst);
}
