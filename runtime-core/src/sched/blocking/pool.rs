//! [`Pool`]: the queues of both kinds of work, the threads that sleep, and who wakes or makes one.
//!
//! Each kind has workers of its own count; one that has nothing more to do sleeps, and wakes up for either. Under the
//! pool's lock, and so for all to rely on: *while work of a kind is queued, either so many workers of that kind as there
//! may be run or are on their way, or `relief` knows*. A worker counts from before it is woken or made until it has
//! looked at the queue and found nothing; one that could not be made is taken off again, and whoever does that sees to
//! what nobody else will come for.

use std::io;
use std::task::Waker;

use crate::g::Gp;
use crate::lock::{Guard, Lock, Rank};
use crate::queue::list::GList;
use crate::sched::blocking::call::{CallList, CallPtr};
use crate::sched::blocking::relief::{self, Calls};
use crate::sched::blocking::worker::{self, Worker};
use crate::sched::deadlock::Awaited;
use crate::sched::ready::ready;
use crate::sched::{startm, threads};
use crate::sys;

/// How many workers each kind has before its work queues up (tokio: max_blocking_threads).
pub(super) const THREADS: usize = 512;
/// After no thread could be made, for so long nobody tries again.
const RETRY_NANOS: u64 = 10_000_000;

pub(super) static POOL: Pool = Pool(Lock::new(Rank::Blocking, Shared::new()));

/// How many there are.
pub(crate) struct Figures {
    pub(crate) threads: usize,
    /// Those of them that have nothing to do.
    pub(crate) idle: usize,
    /// Jobs and calls that wait for one.
    pub(crate) queued: usize,
}

pub(crate) fn figures() -> Figures {
    let shared = POOL.lock();
    let threads = threads::blocking();
    Figures {
        threads,
        // A worker counts before its thread does.
        idle: threads.saturating_sub(shared.workers.iter().sum()),
        queued: shared.jobs.len() + shared.calls.len(),
    }
}

/// What a worker looks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Job,
    Call,
}

/// What a worker does.
#[derive(Clone, Copy)]
pub(super) enum Work {
    Job(Gp),
    Call(CallPtr),
}

impl Work {
    fn kind(self) -> Kind {
        match self {
            Work::Job(_) => Kind::Job,
            Work::Call(_) => Kind::Call,
        }
    }
}

/// What a worker that has ended its work, or has just begun, is told.
pub(super) struct Next {
    /// Who waited for what it did.
    pub(super) waker: Option<Waker>,
    /// What it does next; nothing: it sleeps.
    pub(super) work: Option<Work>,
    /// It sleeps, and this ends after the wake.
    pub(super) awaited: Option<Awaited>,
}

pub(super) struct Pool(Lock<Shared>);

pub(super) struct Shared {
    jobs: GList,
    calls: CallList,
    /// How many workers run, or are on their way to, each [`Kind`].
    workers: [usize; 2],
    /// Those of them that are on their way: each will take something, if it is still there.
    coming: [usize; 2],
    /// Asleep, the last one first.
    idle: Option<&'static Worker>,
    /// Records whose threads have ended.
    unused: Option<&'static Worker>,
    /// How many records there are.
    made: u32,
    /// Until when nobody tries to make a thread.
    no_thread_until: u64,
    /// Whether calls get on.
    pub(super) progress: Calls,
}

impl Shared {
    const fn new() -> Shared {
        Shared {
            jobs: GList::new(),
            calls: CallList::new(),
            workers: [0; 2],
            coming: [0; 2],
            idle: None,
            unused: None,
            made: 0,
            no_thread_until: 0,
            progress: Calls::new(),
        }
    }

    fn push(&mut self, work: Work) {
        match work {
            Work::Job(g) => self.jobs.push_back(g),
            Work::Call(call) => self.calls.push_back(call),
        }
    }

    fn pop(&mut self, kind: Kind) -> Option<Work> {
        match kind {
            Kind::Job => self.jobs.pop_front().map(Work::Job),
            Kind::Call => {
                let call = self.calls.pop_front()?;
                self.progress.count();
                Some(Work::Call(call))
            }
        }
    }

    /// How much work of that kind waits.
    fn queued(&self, kind: Kind) -> usize {
        match kind {
            Kind::Job => self.jobs.len(),
            Kind::Call => self.calls.len(),
        }
    }

    /// Whether work of that kind waits.
    pub(super) fn is_queued(&self, kind: Kind) -> bool {
        self.queued(kind) != 0
    }

    /// Whether work of that kind waits that no worker is on the way to.
    pub(super) fn is_left(&self, kind: Kind) -> bool {
        self.queued(kind) > self.coming[kind as usize]
    }

    /// Whether there may be another worker of that kind.
    pub(super) fn has_room(&self, kind: Kind) -> bool {
        self.workers[kind as usize] < THREADS
    }

    /// Counts a worker, and takes it from those that sleep. None: it is to be made.
    pub(super) fn add_worker(&mut self, kind: Kind) -> Option<&'static Worker> {
        self.workers[kind as usize] += 1;
        self.coming[kind as usize] += 1;
        let worker = self.idle?;
        self.idle = worker.next.take();
        worker.begin(kind);
        Some(worker)
    }

    /// A record for a thread to be made.
    fn record(&mut self, kind: Kind) -> &'static Worker {
        let worker = match self.unused {
            Some(worker) => {
                self.unused = worker.next.take();
                worker
            }
            None => {
                self.made += 1;
                worker::record(self.made - 1)
            }
        };
        worker.begin(kind);
        worker
    }

    fn put_unused(&mut self, worker: &'static Worker) {
        worker.next.set(self.unused.replace(worker));
    }
}

impl Pool {
    pub(super) fn lock(&self) -> Guard<'_, Shared> {
        self.0.lock()
    }

    /// Has `work` run, now or later. False: it is a call, no thread can be had for it, and it is the caller's again.
    pub(super) fn submit(&self, work: Work) -> bool {
        let kind = work.kind();
        let worker = {
            let mut shared = self.lock();
            shared.push(work);
            if !shared.has_room(kind) {
                drop(shared);
                if kind == Kind::Call {
                    relief::call();
                }
                return true;
            }
            shared.add_worker(kind)
        };
        match self.start(kind, worker) {
            Ok(()) => true,
            Err(why) => self.without(work, why),
        }
    }

    /// Wakes the worker that was counted, or makes one.
    ///
    /// # Errors
    /// When none can be made. It counts no more.
    pub(super) fn start(&self, kind: Kind, worker: Option<&'static Worker>) -> Result<(), NoThread> {
        if let Some(worker) = worker {
            worker.wake();
            return Ok(());
        }
        let Err(why) = self.make(kind) else { return Ok(()) };
        let mut shared = self.lock();
        shared.workers[kind as usize] -= 1;
        shared.coming[kind as usize] -= 1;
        if shared.idle.is_none() {
            return Err(why);
        }
        // One has come to rest meanwhile.
        let worker = shared.add_worker(kind);
        drop(shared);
        worker.into_iter().for_each(Worker::wake);
        Ok(())
    }

    #[cold]
    fn make(&self, kind: Kind) -> Result<(), NoThread> {
        if self.lock().no_thread_until > sys::nanotime() {
            return Err(NoThread::Refused);
        }
        if !threads::reserve() {
            return Err(NoThread::Limit);
        }
        let worker = self.lock().record(kind);
        worker.spawn().map_err(|error| self.not_made(worker, &error))
    }

    #[cold]
    fn not_made(&self, worker: &'static Worker, error: &io::Error) -> NoThread {
        threads::release();
        startm::warn_no_m(error);
        // Ends after the lock is open; the work is in the hands of the caller.
        let _awaited = worker.rest();
        let mut shared = self.lock();
        shared.put_unused(worker);
        shared.no_thread_until = sys::nanotime() + RETRY_NANOS;
        NoThread::Refused
    }

    /// No worker comes for `work`. A call goes back, unless somebody has taken it. Jobs wait for the workers that there
    /// are; without any, ordinary Ms run them. Where neither is for want of threads of the system's, it is fatal.
    #[cold]
    fn without(&self, work: Work, why: NoThread) -> bool {
        let mut shared = self.lock();
        let mut jobs = GList::new();
        let is_left = match work {
            Work::Call(call) => shared.calls.remove(call),
            Work::Job(_) if shared.workers[Kind::Job as usize] != 0 => {
                drop(shared);
                relief::call();
                return true;
            }
            Work::Job(_) => {
                jobs = std::mem::take(&mut shared.jobs);
                !jobs.is_empty()
            }
        };
        drop(shared);
        if is_left && why == NoThread::Limit {
            threads::exhausted();
        }
        while let Some(g) = jobs.pop_front() {
            ready(g, false);
        }
        work.kind() == Kind::Job || !is_left
    }

    /// What `worker` does next, after `done`. If nothing, it stands among those that sleep.
    pub(super) fn next(&self, worker: &'static Worker, done: Option<CallPtr>) -> Next {
        let mut shared = self.lock();
        let waker = done.and_then(CallPtr::finish);
        let kind = worker.kind();
        if worker.arrives() {
            shared.coming[kind as usize] -= 1;
        }
        let work = shared.pop(kind);
        let mut awaited = None;
        if work.is_none() {
            shared.workers[kind as usize] -= 1;
            awaited = worker.rest();
            worker.next.set(shared.idle.replace(worker));
        }
        Next { waker, work, awaited }
    }

    /// Takes `worker`, which has slept for long, from those that sleep, for its thread to end. False: it is being woken.
    pub(super) fn retire(&self, worker: &'static Worker) -> bool {
        let mut shared = self.lock();
        let mut before: Option<&'static Worker> = None;
        let mut at = shared.idle;
        while let Some(here) = at {
            let next = here.next.get();
            if !std::ptr::eq(here, worker) {
                (before, at) = (at, next);
                continue;
            }
            match before {
                Some(before) => before.next.set(next),
                None => shared.idle = next,
            }
            shared.put_unused(worker);
            drop(shared);
            threads::release();
            return true;
        }
        false
    }

    /// Has `waker` woken when the call ends. False: it has ended.
    pub(super) fn rewake(&self, call: CallPtr, waker: Waker) -> bool {
        // Dropped outside of the lock, each of them.
        let replaced = {
            let _shared = self.lock();
            call.replace_waker(waker)
        };
        replaced.is_ok()
    }
}

/// Why no thread was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoThread {
    /// The system refuses one.
    Refused,
    /// There are as many as there may be.
    Limit,
}
