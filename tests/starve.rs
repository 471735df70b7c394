//! What user code that misbehaves must not starve: goroutines that have not started, those of its own thread, what waits
//! behind a loan, what a timer has woken, and itself when another executor polls.

mod support;

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use gort::runtime::set_max_procs;
use gort::time::sleep;
use gort::{JoinHandle, Wait, task};
use support::{Counter, Event, announced, until, watchdog};

/// The tests of this file change what all share.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

fn burn(time: Duration) {
    let start = Instant::now();
    while start.elapsed() < time {}
}

/// Computes until it is told to stop.
fn burner(stop: &Arc<AtomicBool>) -> JoinHandle<()> {
    let stop = stop.clone();
    gort::go(move || while !stop.load(Relaxed) {})
}

/// Placement gives goroutines to a thread that has few, though it computes and comes to none of them; the other
/// processor is idle.
#[test]
fn goroutines_that_were_given_to_a_burner_start() {
    let _watchdog = watchdog("goroutines_that_were_given_to_a_burner_start");
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    const GOROUTINES: usize = 100;
    let first = set_max_procs(2);
    let stop = Arc::new(AtomicBool::new(false));
    let burner = burner(&stop);
    let started = Arc::new(AtomicUsize::new(0));
    let open = Event::new();
    let theirs = (started.clone(), open.clone());
    let parent = gort::go(move || {
        let (started, open) = theirs;
        let goroutine = |_| {
            let (started, open) = (started.clone(), open.clone());
            gort::go(move || {
                started.fetch_add(1, Relaxed);
                until(|| open.is_set());
            })
        };
        (0..GOROUTINES).map(goroutine).collect::<Vec<_>>()
    });
    let goroutines = parent.wait().unwrap();
    while started.load(Relaxed) < GOROUTINES {
        thread::sleep(Duration::from_millis(1));
    }
    open.set();
    stop.store(true, Relaxed);
    burner.wait().unwrap();
    for goroutine in goroutines {
        goroutine.wait().unwrap();
    }
    set_max_procs(first);
}

/// One processor, lent for a goroutine that yields for ever: what is not urgent runs all the same.
#[test]
fn a_loan_ends() {
    let _watchdog = watchdog("a_loan_ends");
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let first = set_max_procs(1);
    let blocks = Arc::new(AtomicBool::new(true));
    let stop = Arc::new(AtomicBool::new(false));
    let (theirs, until) = (blocks.clone(), stop.clone());
    // Blocked, so that another thread starts the next one; then it computes, with the processor.
    let burner = gort::go(move || {
        while theirs.load(Relaxed) {
            thread::sleep(Duration::from_millis(2));
        }
        sleep(Duration::from_millis(1)).wait();
        while !until.load(Relaxed) {}
    });
    thread::sleep(Duration::from_millis(20));
    let until = stop.clone();
    let yields = gort::go(move || {
        while !until.load(Relaxed) {
            task::yield_now().wait();
        }
    });
    thread::sleep(Duration::from_millis(20));
    blocks.store(false, Relaxed);
    // Until the burner has lent its processor: if that takes longer, there is nothing to see.
    thread::sleep(Duration::from_millis(50));
    for _ in 0..20 {
        gort::spawn(async {}).wait().unwrap();
    }
    stop.store(true, Relaxed);
    burner.wait().unwrap();
    yields.wait().unwrap();
    set_max_procs(first);
}

/// Jobs, each of which computes for longer than a slice.
const JOBS: usize = 40;
/// So many may end before what waits for none of them goes on: on a loaded machine, those that run just then.
const FEW: usize = 12;

/// How many of the jobs had ended when something could go on, and when it did.
type Ended = (usize, usize);

/// On one processor, which has all jobs in its queue soon after `urgent` has set the event that it gets: all that `urgent`
/// tells of goes on without waiting for many of them.
fn beside_jobs<F>(urgent: impl FnOnce(Counter, Event) -> F)
where
    F: Future<Output = Vec<Ended>> + Send + 'static,
{
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let first = set_max_procs(1);
    let (ended, ready) = (Counter::new(), Event::new());
    let task = gort::spawn(urgent(ended.clone(), ready.clone()));
    ready.wait();
    let job = |_| {
        let ended = ended.clone();
        gort::spawn(async move {
            burn(Duration::from_millis(60));
            ended.add();
        })
    };
    let jobs: Vec<_> = (0..JOBS).map(job).collect();
    let seen = task.wait().unwrap();
    for job in jobs {
        job.wait().unwrap();
    }
    set_max_procs(first);
    for (before, after) in &seen {
        assert!(after - before <= FEW, "{seen:?}");
    }
}

/// Long enough for the jobs to be there, and short enough for most of them to wait.
const SOON: Duration = Duration::from_millis(30);

/// A task that waits for the event, and says how many had ended when it came.
async fn waiter(ended: &Counter) -> (Event, JoinHandle<usize>) {
    let (event, polled) = (Event::new(), Event::new());
    let wait = announced(event.clone(), polled.clone());
    let ended = ended.clone();
    let task = gort::spawn(async move {
        wait.await;
        ended.get()
    });
    polled.await;
    (event, task)
}

/// Each is as urgent as the one that wakes them all.
#[test]
fn several_that_one_wakes() {
    let _watchdog = watchdog("several_that_one_wakes");
    beside_jobs(async |ended, ready| {
        let mut waiters = Vec::new();
        for _ in 0..3 {
            waiters.push(waiter(&ended).await);
        }
        ready.set();
        sleep(SOON).await;
        let now = ended.get();
        waiters.iter().for_each(|(event, _)| event.set());
        let mut seen = Vec::new();
        for (_, task) in waiters {
            seen.push((now, task.await.unwrap()));
        }
        seen
    });
}

/// It would be next, but the one that wakes it blocks in place.
#[test]
fn woken_by_one_that_blocks() {
    let _watchdog = watchdog("woken_by_one_that_blocks");
    beside_jobs(async |ended, ready| {
        let (event, task) = waiter(&ended).await;
        ready.set();
        sleep(SOON).await;
        let now = ended.get();
        event.set();
        task::block_in_place(|| burn(Duration::from_millis(5)));
        vec![(now, task.await.unwrap())]
    });
}

/// Its timer fires while the poll that has armed it lasts. The processor has been taken from it.
#[test]
fn woken_while_it_runs() {
    let _watchdog = watchdog("woken_while_it_runs");
    beside_jobs(async |ended, ready| {
        let mut timer = pin!(sleep(SOON));
        let mut before = None;
        poll_fn(|cx| {
            if timer.as_mut().poll(cx).is_ready() {
                return Poll::Ready(());
            }
            ready.set();
            thread::sleep(2 * SOON);
            before = Some(ended.get());
            Poll::Pending
        })
        .await;
        vec![(before.unwrap(), ended.get())]
    });
}

/// A timer has woken it, its processor is taken from it, and so it lets others go first.
#[test]
fn urgent_without_a_processor() {
    let _watchdog = watchdog("urgent_without_a_processor");
    beside_jobs(async |ended, ready| {
        let done = gort::spawn(async {});
        while !done.is_finished() {
            task::yield_now().await;
        }
        ready.set();
        sleep(SOON).await;
        thread::sleep(SOON);
        let before = ended.get();
        done.await.unwrap();
        vec![(before, ended.get())]
    });
}

/// Without a processor, and all that it waits for is there: the others of its thread have their turn.
#[test]
fn siblings_of_a_goroutine_without_a_processor() {
    let _watchdog = watchdog("siblings_of_a_goroutine_without_a_processor");
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    const TURNS: usize = 20;
    let first = set_max_procs(1);
    let stop = Arc::new(AtomicBool::new(false));
    let theirs = stop.clone();
    let other = gort::spawn(async move {
        while !theirs.load(Relaxed) {
            task::yield_now().await;
        }
    });
    gort::go(move || {
        let turns = Arc::new(AtomicUsize::new(0));
        let theirs = turns.clone();
        let sibling = task::spawn_local(async move {
            for _ in 0..TURNS {
                theirs.fetch_add(1, Relaxed);
                task::yield_now().await;
            }
        });
        // The other has the only processor afterwards.
        task::block_in_place(|| thread::sleep(Duration::from_millis(20)));
        while turns.load(Relaxed) < TURNS {
            std::future::ready(()).wait();
        }
        sibling.wait().unwrap();
    })
    .wait()
    .unwrap();
    stop.store(true, Relaxed);
    other.wait().unwrap();
    set_max_procs(first);
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Another executor, which never comes back to the scheduler.
fn foreign_block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut cx = Context::from_waker(&waker);
    loop {
        match future.as_mut().poll(&mut cx) {
            Poll::Ready(out) => return out,
            Poll::Pending => thread::park(),
        }
    }
}

/// Something that is ready, and a slice that is over.
fn ready_after_a_slice() -> JoinHandle<i32> {
    let handle = gort::spawn(async { 1 });
    until(|| handle.is_finished());
    burn(Duration::from_millis(30));
    handle
}

/// A leaf future that lets others go first does not say so for ever to who polls it and never does that.
#[test]
fn whoever_polls_gets_on() {
    let _watchdog = watchdog("whoever_polls_gets_on");
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let on_a_goroutine = gort::go(|| {
        assert_eq!(foreign_block_on(ready_after_a_slice()).unwrap(), 1);
        let mut handle = ready_after_a_slice();
        let mut cx = Context::from_waker(Waker::noop());
        while Pin::new(&mut handle).poll(&mut cx).is_pending() {}
    });
    on_a_goroutine.wait().unwrap();
    let on_a_task = gort::spawn(async {
        let mut handle = ready_after_a_slice();
        let mut is_ready = false;
        while !is_ready {
            is_ready = poll_fn(|cx| Poll::Ready(Pin::new(&mut handle).poll(cx).is_ready())).await;
        }
    });
    on_a_task.wait().unwrap();
}
