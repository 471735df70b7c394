//! Wakers in everybody's hands: on foreign threads, cloned, dropped, called late. Nothing is lost, and nothing is
//! kept: each future, each output and each allocation goes once.

mod support;

use std::alloc::{GlobalAlloc, Layout, System};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc;
use std::sync::{Arc, Barrier, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::{Duration, Instant};

use gort::Wait;
use support::{Counter, Event, announced, count_drop, until, watchdog};

const ROUNDS: usize = 10_000;
const CLONES: usize = 1_000;

/// Counts the cells of the tasks made by `marked`, by their size.
struct CountMarked;

static ALLOCATED: AtomicUsize = AtomicUsize::new(0);
static FREED: AtomicUsize = AtomicUsize::new(0);

/// The bytes that a marked future is longer than. Nothing else here is as long.
const MARK: usize = 123_456;

fn is_marked(layout: Layout) -> bool {
    (MARK..MARK + 1024).contains(&layout.size())
}

// SAFETY: all is passed on to System.
unsafe impl GlobalAlloc for CountMarked {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if is_marked(layout) {
            ALLOCATED.fetch_add(1, SeqCst);
        }
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        if is_marked(layout) {
            FREED.fetch_add(1, SeqCst);
        }
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(ptr, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: CountMarked = CountMarked;

/// Its size marks the cell that it lies in.
struct Marked<F> {
    future: F,
    _mark: [u8; MARK],
}

fn marked<F: Future + Unpin>(future: F) -> Marked<F> {
    Marked {
        future,
        _mark: [0; MARK],
    }
}

impl<F: Future + Unpin> Future for Marked<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        // SAFETY: nothing here is pinned but by its own promise, Unpin.
        Pin::new(unsafe { &mut self.get_unchecked_mut().future }).poll(cx)
    }
}

/// A poll that gives its waker away and waits for `event`.
async fn give_waker(to: mpsc::Sender<Waker>, event: Event) {
    std::future::poll_fn(|cx| {
        to.send(cx.waker().clone()).unwrap();
        Poll::Ready(())
    })
    .await;
    event.await;
}

#[test]
fn woken_from_foreign_threads() {
    let _watchdog = watchdog("woken_from_foreign_threads");
    let (send, receive) = mpsc::channel::<Event>();
    let foreign = thread::spawn(move || receive.iter().for_each(|event| event.set()));
    let rounds = move || {
        for _ in 0..ROUNDS {
            let event = Event::new();
            send.send(event.clone()).unwrap();
            event.wait();
        }
    };
    let task = gort::spawn({
        let rounds = rounds.clone();
        async move { rounds() }
    });
    let goroutine = gort::go(rounds);
    task.wait().unwrap();
    goroutine.wait().unwrap();
    foreign.join().unwrap();
}

#[test]
fn awaited_events_from_foreign_threads() {
    let _watchdog = watchdog("awaited_events_from_foreign_threads");
    let (send, receive) = mpsc::channel::<Event>();
    let foreign = thread::spawn(move || receive.iter().for_each(|event| event.set()));
    gort::spawn(async move {
        for round in 0..ROUNDS {
            let event = Event::new();
            let polled = Event::new();
            send.send(event.clone()).unwrap();
            announced(event.clone(), polled).await;
            assert!(event.polls() <= 2, "round {round}: {} polls", event.polls());
        }
    })
    .wait()
    .unwrap();
    foreign.join().unwrap();
}

/// 1,000 clones, spread over foreign threads and goroutines: some woken, some dropped, at once and after the end.
#[test]
fn a_thousand_clones() {
    let _watchdog = watchdog("a_thousand_clones");
    const TASKS: usize = 20;
    let bodies = Counter::new();
    let outputs = Counter::new();
    let allocated = ALLOCATED.load(SeqCst);
    for _ in 0..TASKS {
        let event = Event::new();
        let (send, receive) = mpsc::channel();
        let task = gort::spawn(marked(Box::pin({
            let (body, output, event) = (count_drop(&bodies), count_drop(&outputs), event.clone());
            async move {
                let _body = body;
                give_waker(send, event).await;
                output
            }
        })));
        let waker = receive.recv().unwrap();
        let mut clones: Vec<_> = (0..CLONES).map(|_| waker.clone()).collect();
        assert!(clones.iter().all(|clone| clone.will_wake(&waker)));
        drop(waker);
        let late = clones.split_off(CLONES / 2);
        let use_up = |clones: Vec<Waker>| {
            for (i, clone) in clones.into_iter().enumerate() {
                match i % 3 {
                    0 => clone.wake(),
                    1 => clone.wake_by_ref(),
                    _ => drop(clone),
                }
            }
        };
        let start = Barrier::new(4);
        thread::scope(|scope| {
            let mut clones = clones.into_iter();
            for _ in 0..4 {
                let share: Vec<_> = clones.by_ref().take(CLONES / 8).collect();
                scope.spawn(|| {
                    start.wait();
                    use_up(share);
                });
            }
        });
        assert!(!task.is_finished());
        event.set();
        drop(task.wait().unwrap());
        // After the end: on a goroutine and on this thread.
        let mut late = late.into_iter();
        let half: Vec<_> = late.by_ref().take(CLONES / 4).collect();
        gort::go(move || use_up(half)).wait().unwrap();
        use_up(late.collect());
    }
    assert_eq!((bodies.get(), outputs.get()), (TASKS, TASKS));
    all_freed(allocated, TASKS);
}

/// Waits until all marked cells are freed: the last waker may be on its way in the runtime.
fn all_freed(before: usize, count: usize) {
    assert!(ALLOCATED.load(SeqCst) >= before + count, "the mark does not work");
    until(|| FREED.load(SeqCst) == ALLOCATED.load(SeqCst));
}

/// A detached task that nobody can wake again is dropped, and its memory freed, with its last waker.
#[test]
fn forgotten_tasks_are_dropped() {
    let _watchdog = watchdog("forgotten_tasks_are_dropped");
    const TASKS: usize = 200;
    let allocated = ALLOCATED.load(SeqCst);
    let bodies = Counter::new();
    for round in 0..TASKS {
        let (send, receive) = mpsc::channel();
        let dropped = Event::new();
        let body = count_drop(&bodies);
        let on_drop = support::OnDrop({
            let dropped = dropped.clone();
            move || dropped.set()
        });
        let task = gort::spawn(marked(Box::pin(async move {
            let _body = (body, on_drop);
            std::future::poll_fn(|cx| {
                let _ = send.send(cx.waker().clone());
                Poll::<()>::Pending
            })
            .await;
        })));
        let waker = receive.recv().unwrap();
        let clones: Vec<_> = (0..10).map(|_| waker.clone()).collect();
        drop(task);
        assert!(!dropped.is_set());
        match round % 3 {
            0 => drop((clones, waker)),
            1 => thread::spawn(move || drop((clones, waker))).join().unwrap(),
            _ => {
                drop(clones);
                gort::go(move || drop(waker)).wait().unwrap();
            }
        }
        dropped.wait();
    }
    assert_eq!(bodies.get(), TASKS);
    all_freed(allocated, TASKS);
}

/// A task that gives no waker away and waits can never run again, and goes at once.
#[test]
fn a_task_without_wakers_is_dropped() {
    let _watchdog = watchdog("a_task_without_wakers_is_dropped");
    let allocated = ALLOCATED.load(SeqCst);
    for _ in 0..100 {
        let dropped = Event::new();
        let on_drop = support::OnDrop({
            let dropped = dropped.clone();
            move || dropped.set()
        });
        drop(gort::spawn(marked(Box::pin(async move {
            let _on_drop = on_drop;
            std::future::pending::<()>().await;
        }))));
        dropped.wait();
    }
    all_freed(allocated, 100);
}

/// A future that wakes itself while it is polled, and while it is dropped.
#[test]
fn woken_by_itself() {
    let _watchdog = watchdog("woken_by_itself");
    const POLLS: usize = 1_000;
    struct Restless {
        polls: Counter,
        waker: Option<Waker>,
    }
    impl Future for Restless {
        type Output = ();
        fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
            if self.polls.add() == POLLS {
                return Poll::Ready(());
            }
            cx.waker().wake_by_ref();
            let waker = cx.waker().clone();
            self.waker = Some(waker.clone());
            waker.wake();
            Poll::Pending
        }
    }
    impl Drop for Restless {
        fn drop(&mut self) {
            self.waker.take().unwrap().wake();
        }
    }
    let allocated = ALLOCATED.load(SeqCst);
    let polls = Counter::new();
    gort::spawn(marked(Restless {
        polls: polls.clone(),
        waker: None,
    }))
    .wait()
    .unwrap();
    assert_eq!(polls.get(), POLLS);
    all_freed(allocated, 1);
}

/// Of many wakes between two polls the task sees one.
#[test]
fn wakes_coalesce() {
    let _watchdog = watchdog("wakes_coalesce");
    const POLLS: usize = 10;
    let polls = Counter::new();
    let counter = polls.clone();
    let task = gort::spawn(std::future::poll_fn(move |cx| {
        for _ in 0..100 {
            cx.waker().wake_by_ref();
        }
        if counter.add() == POLLS {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }));
    task.wait().unwrap();
    assert_eq!(polls.get(), POLLS);
}

struct WakeBy<F>(Mutex<Option<F>>);

impl<F: FnOnce() + Send + 'static> Wake for WakeBy<F> {
    fn wake(self: Arc<Self>) {
        let f = self.0.lock().unwrap().take();
        if let Some(f) = f {
            f();
        }
    }
}

fn wakes_by(f: impl FnOnce() + Send + 'static) -> Waker {
    Waker::from(Arc::new(WakeBy(Mutex::new(Some(f)))))
}

/// Timers that are due at once wake foreign wakers, each of which waits for what the next one does.
#[test]
fn a_foreign_wake_that_waits_holds_up_no_other() {
    let _watchdog = watchdog("a_foreign_wake_that_waits_holds_up_no_other");
    const WAKERS: usize = 20;
    let events: Vec<_> = (0..=WAKERS).map(|_| Event::new()).collect();
    // Long enough for all of them to be armed on a loaded machine.
    let due = Instant::now() + Duration::from_secs(1);
    let sleeps: Vec<_> = events
        .windows(2)
        .map(|pair| {
            let [done, before] = [pair[0].clone(), pair[1].clone()];
            let waker = wakes_by(move || {
                before.wait();
                done.set();
            });
            let mut sleep = Box::pin(gort::time::sleep_until(due));
            assert!(sleep.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
            sleep
        })
        .collect();
    let last = events[WAKERS].clone();
    let last = wakes_by(move || last.set());
    let mut sleep = Box::pin(gort::time::sleep_until(due));
    assert!(sleep.as_mut().poll(&mut Context::from_waker(&last)).is_pending());
    events[0].clone().wait();
    drop(sleeps);
}
