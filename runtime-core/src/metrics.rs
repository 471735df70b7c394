//! [`RuntimeMetrics`]: the runtime in figures, as one look shows it. On any thread but sysmon.

use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::p::P;
use crate::queue::allgs;
use crate::rt0::ensure_booted;
use crate::sched::figures::Figures;
use crate::sched::{SCHED, counters, scavenger, time};
use crate::{stack, sys};

/// The runtime in figures, at the moment when [`metrics`] was called. What counts how often something happened begins
/// at 0 when the runtime boots, and never goes down.
///
/// Names are tokio's where tokio has the thing. A *worker* is a processor (Go's P): the right to run tasks and
/// goroutines, of which there are [`max_procs`](crate::max_procs), and not a thread.
#[derive(Clone, Debug)]
pub struct RuntimeMetrics {
    tasks: usize,
    global: usize,
    idle_workers: usize,
    threads: usize,
    idle_threads: usize,
    blocking_threads: usize,
    idle_blocking_threads: usize,
    blocking_queue: usize,
    since_last_poll: Option<Duration>,
    timers: usize,
    stacks: usize,
    stacks_in_use: usize,
    blocked: u64,
    burnt: u64,
    lent: u64,
    world_stops: u64,
    yields: u64,
    workers: Box<[Worker]>,
}

/// One P.
#[derive(Clone, Debug)]
struct Worker {
    queue: usize,
    polls: u64,
    steals: u64,
    stolen: u64,
    parks: u64,
    taken: u64,
}

/// Looks at the runtime. Boots it in library mode if need be.
///
/// This takes some locks for an instant, allocates, and stops nothing: some microseconds. It may be called from
/// anywhere, once a second or a thousand times; what it counts costs the runtime nothing to speak of.
///
/// # Examples
///
/// ```
/// use gort_runtime_core::metrics;
///
/// let now = metrics();
/// println!("{} tasks on {} processors", now.num_alive_tasks(), now.num_workers());
/// for worker in 0..now.num_workers() {
///     println!("{worker}: {} polls, {} steals", now.worker_poll_count(worker), now.worker_steal_operations(worker));
/// }
/// ```
pub fn metrics() -> RuntimeMetrics {
    ensure_booted();
    let figures = Figures::take();
    let (stacks, _) = stack::counts();
    let last_poll = SCHED.lastpoll.load(Ordering::Relaxed);
    RuntimeMetrics {
        tasks: allgs::users(),
        global: figures.global,
        idle_workers: figures.idle_procs as usize,
        threads: figures.threads,
        idle_threads: figures.idle_threads,
        blocking_threads: figures.blocking.threads,
        idle_blocking_threads: figures.blocking.idle,
        blocking_queue: figures.blocking.queued,
        since_last_poll: match last_poll {
            0 => None,
            at => Some(Duration::from_nanos(sys::nanotime().saturating_sub(at))),
        },
        timers: time::armed().saturating_sub(scavenger::timers()),
        stacks,
        stacks_in_use: SCHED.ms().map(|m| m.npins.load(Ordering::Relaxed) as usize).sum(),
        blocked: counters::BLOCKED.get(),
        burnt: counters::BURNT.get(),
        lent: counters::LENT.get(),
        world_stops: counters::WORLD_STOPS.get(),
        yields: counters::YIELDS.get(),
        workers: SCHED.ps().map(Worker::of).collect(),
    }
}

impl Worker {
    fn of(p: &P) -> Worker {
        Worker {
            queue: p.runq.len(),
            polls: p.runs.load(Ordering::Relaxed),
            steals: p.steals.load(Ordering::Relaxed),
            stolen: p.stolen.load(Ordering::Relaxed),
            parks: p.parks.load(Ordering::Relaxed),
            taken: p.taken.load(Ordering::Relaxed),
        }
    }
}

impl RuntimeMetrics {
    /// How many processors there are: [`max_procs`](crate::max_procs).
    pub fn num_workers(&self) -> usize {
        self.workers.len()
    }

    /// How many of them have nothing to run.
    pub fn num_idle_workers(&self) -> usize {
        self.idle_workers
    }

    /// How many tasks and goroutines there are that have not ended: [`num_goroutines`](crate::num_goroutines).
    pub fn num_alive_tasks(&self) -> usize {
        self.tasks
    }

    /// How many tasks and goroutines are in the queue that belongs to no processor.
    pub fn global_queue_depth(&self) -> usize {
        self.global
    }

    /// How many threads the runtime has: those that run tasks and goroutines, those for code that blocks, and the one that
    /// watches over the others.
    pub fn num_threads(&self) -> usize {
        self.threads
    }

    /// How many of them have nothing to do. The one that waits for the network is not counted.
    pub fn num_idle_threads(&self) -> usize {
        self.idle_threads
    }

    /// How many threads there are for `blocking` and `spawn_blocking`.
    pub fn num_blocking_threads(&self) -> usize {
        self.blocking_threads
    }

    /// How many of these have nothing to do.
    pub fn num_idle_blocking_threads(&self) -> usize {
        self.idle_blocking_threads
    }

    /// How many closures wait for such a thread.
    pub fn blocking_queue_depth(&self) -> usize {
        self.blocking_queue
    }

    /// How long ago somebody last asked the kernel what is ready; `None` while a thread waits for just that. If this grows
    /// beyond a few milliseconds, the network waits for a processor.
    pub fn since_last_poll(&self) -> Option<Duration> {
        self.since_last_poll
    }

    /// How many timers are armed.
    pub fn num_timers(&self) -> usize {
        self.timers
    }

    /// How many stacks there are, whoever uses them or nobody. Those of more than 4 MiB are not counted.
    pub fn num_stacks(&self) -> usize {
        self.stacks
    }

    /// How many tasks and goroutines have a stack: goroutines that have started, tasks that wait in the middle of a poll.
    pub fn num_stacks_in_use(&self) -> usize {
        self.stacks_in_use
    }

    /// How often a processor was taken from a thread that blocked.
    pub fn blocked_retake_count(&self) -> u64 {
        self.blocked
    }

    /// How often one was taken from a thread that computed for too long while others waited.
    pub fn busy_retake_count(&self) -> u64 {
        self.burnt
    }

    /// How often one was lent from a thread that computed, for what the network or a timer had made runnable.
    pub fn loan_count(&self) -> u64 {
        self.lent
    }

    /// How often the world was stopped: by a dump, or for another number of processors.
    pub fn world_stop_count(&self) -> u64 {
        self.world_stops
    }

    /// How often a task or goroutine that could have gone on let others go first, for its time was over.
    pub fn budget_forced_yield_count(&self) -> u64 {
        self.yields
    }

    /// How many tasks and goroutines are in the processor's own queue.
    ///
    /// # Panics
    ///
    /// As all methods with a `worker`: if there is none of this number, below [`num_workers`](Self::num_workers).
    #[track_caller]
    pub fn worker_local_queue_depth(&self, worker: usize) -> usize {
        self.worker(worker).queue
    }

    /// How often the processor took a task or goroutine up: to poll, start or resume it.
    ///
    /// # Panics
    ///
    /// If there is no such worker.
    #[track_caller]
    pub fn worker_poll_count(&self, worker: usize) -> u64 {
        self.worker(worker).polls
    }

    /// How many tasks and goroutines it stole from others.
    ///
    /// # Panics
    ///
    /// If there is no such worker.
    #[track_caller]
    pub fn worker_steal_count(&self, worker: usize) -> u64 {
        self.worker(worker).stolen
    }

    /// How often it stole some.
    ///
    /// # Panics
    ///
    /// If there is no such worker.
    #[track_caller]
    pub fn worker_steal_operations(&self, worker: usize) -> u64 {
        self.worker(worker).steals
    }

    /// How often it had nothing to run, and there was nothing to steal.
    ///
    /// # Panics
    ///
    /// If there is no such worker.
    #[track_caller]
    pub fn worker_park_count(&self, worker: usize) -> u64 {
        self.worker(worker).parks
    }

    /// How often it was taken from a thread that ran code of the program's, for whatever reason.
    ///
    /// # Panics
    ///
    /// If there is no such worker.
    #[track_caller]
    pub fn worker_retake_count(&self, worker: usize) -> u64 {
        self.worker(worker).taken
    }

    #[track_caller]
    fn worker(&self, worker: usize) -> &Worker {
        let n = self.workers.len();
        self.workers
            .get(worker)
            .unwrap_or_else(|| panic!("worker {worker} of {n}"))
    }
}
