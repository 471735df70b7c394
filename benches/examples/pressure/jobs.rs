//! A wave of CPU jobs: tasks that burn, all spawned at once.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use gort_benches::WORKERS;

use crate::table;
use crate::trouble::{Speed, compute};

/// How often threads are counted.
const COUNT_EVERY: Duration = Duration::from_millis(1);

#[derive(Clone, Copy)]
pub(crate) struct Jobs {
    pub(crate) number: usize,
    /// What each burns.
    pub(crate) cpu: Duration,
}

impl Default for Jobs {
    fn default() -> Jobs {
        Jobs {
            number: 300,
            cpu: Duration::from_millis(200),
        }
    }
}

impl Jobs {
    pub(crate) const MAX_THREADS: usize = 40;
    pub(crate) const TIMER: Duration = Duration::from_millis(10);
    pub(crate) const MAX_LATE: Duration = Duration::from_millis(50);
}

/// What became of them.
pub(crate) struct Outcome {
    pub(crate) took: Duration,
    /// Of the whole process, at any time.
    pub(crate) threads: usize,
    /// How often the timer fired, and how late at most.
    pub(crate) timers: usize,
    pub(crate) late: Duration,
}

/// # Errors
/// If the threads cannot be counted.
pub(crate) fn measure(jobs: Jobs) -> Result<(), String> {
    gort::runtime::set_max_procs(WORKERS);
    let iterations = Speed::measure()?.iterations(jobs.cpu);
    let done = Arc::new(AtomicBool::new(false));
    let threads = thread::spawn({
        let done = done.clone();
        move || count_threads(&done)
    });
    let timer = gort::spawn(watch_timer(done.clone()));
    let started = Instant::now();
    let tasks: Vec<_> = (0..jobs.number)
        .map(|_| gort::spawn(async move { compute(iterations) }))
        .collect();
    for task in tasks {
        task.wait().map_err(|error| error.to_string())?;
    }
    let took = started.elapsed();
    done.store(true, Relaxed);
    let (timers, late) = timer.wait().map_err(|error| error.to_string())?;
    let threads = threads
        .join()
        .map_err(|_| "the count of threads panicked".to_owned())?
        .map_err(|error| error.to_string())?;
    table::jobs(
        jobs,
        &Outcome {
            took,
            threads,
            timers,
            late,
        },
    );
    Ok(())
}

fn count_threads(done: &AtomicBool) -> std::io::Result<usize> {
    let mut most = 0;
    while !done.load(Relaxed) {
        most = most.max(fs::read_dir("/proc/self/task")?.count());
        thread::sleep(COUNT_EVERY);
    }
    Ok(most)
}

async fn watch_timer(done: Arc<AtomicBool>) -> (usize, Duration) {
    let (mut times, mut late) = (0, Duration::ZERO);
    while !done.load(Relaxed) {
        let due = Instant::now() + Jobs::TIMER;
        gort::time::sleep(Jobs::TIMER).await;
        times += 1;
        late = late.max(due.elapsed());
    }
    (times, late)
}
