//! Rule 9: whoever drops the last waker or the handle, the future and the output are dropped on a goroutine's
//! stack; those of a local task on its home thread.

mod support;

use std::pin::Pin;
use std::rc::Rc;
use std::sync::mpsc;
use std::task::{Context, Poll, Waker};
use std::thread::{self, ThreadId};
use std::time::Duration;

use gort::{JoinHandle, Wait};
use support::{Counter, Event, until, watchdog};

const ROUNDS: usize = 1_000;

/// Where something was dropped: on which thread, and whether on a goroutine's stack, by what the runtime says and
/// by the address.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Place {
    thread: ThreadId,
    on_g: bool,
    on_thread_stack: bool,
}

impl Place {
    fn assert_is_a_goroutines(self) {
        assert_eq!((self.on_g, self.on_thread_stack), (true, false));
    }
}

fn here() -> Place {
    let local = 0u8;
    Place {
        thread: thread::current().id(),
        on_g: gort_runtime_core::on_g(),
        // g0 runs on the thread's own stack.
        on_thread_stack: on_thread_stack(std::ptr::from_ref(std::hint::black_box(&local)).addr()),
    }
}

/// Whether `address` lies on the stack that the OS gave the calling thread.
fn on_thread_stack(address: usize) -> bool {
    // SAFETY: the out pointers are valid; attr is initialised by getattr and destroyed below.
    unsafe {
        let mut attr: libc::pthread_attr_t = std::mem::zeroed();
        assert_eq!(libc::pthread_getattr_np(libc::pthread_self(), &mut attr), 0);
        let mut low = std::ptr::null_mut();
        let mut size = 0;
        assert_eq!(libc::pthread_attr_getstack(&attr, &mut low, &mut size), 0);
        libc::pthread_attr_destroy(&mut attr);
        (low.addr()..low.addr() + size).contains(&address)
    }
}

/// Tells where it was dropped. Not Send, unless wrapped.
struct Tells {
    to: mpsc::Sender<Place>,
    dropped: Event,
    _local: Rc<()>,
    /// Waits in its destructor.
    waits: bool,
}

impl Drop for Tells {
    fn drop(&mut self) {
        let place = here();
        if self.waits {
            gort::time::sleep(Duration::from_micros(50)).wait();
            assert_eq!(here(), place);
        }
        self.to.send(place).unwrap();
        self.dropped.set();
    }
}

/// Its future is never Send; pending, and its waker is in the hands of whoever reads the channel.
struct Forgotten {
    tells: Tells,
    wakers: mpsc::Sender<Waker>,
}

impl Future for Forgotten {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        assert!(!self.tells.dropped.is_set());
        let _ = self.wakers.send(cx.waker().clone());
        Poll::Pending
    }
}

fn tells(waits: bool) -> (Tells, mpsc::Receiver<Place>, Event) {
    let (to, places) = mpsc::channel();
    let dropped = Event::new();
    (
        Tells {
            to,
            dropped: dropped.clone(),
            _local: Rc::new(()),
            waits,
        },
        places,
        dropped,
    )
}

/// What a foreign thread is asked to do.
type Errand = Box<dyn FnOnce() + Send>;

fn foreign() -> (mpsc::Sender<Errand>, thread::JoinHandle<()>) {
    let (send, receive) = mpsc::channel::<Errand>();
    (
        send,
        thread::spawn(move || receive.into_iter().for_each(|errand| errand())),
    )
}

/// The last waker of a local task, dropped on a foreign thread.
#[test]
fn last_waker_of_a_local_task() {
    let _watchdog = watchdog("last_waker_of_a_local_task");
    let (errands, thread) = foreign();
    let goroutine = gort::go(move || {
        let home = here();
        for round in 0..ROUNDS {
            let (tells, places, dropped) = tells(round % 4 == 0);
            let (wakers, receive) = mpsc::channel();
            let task = gort::task::spawn_local(Forgotten { tells, wakers });
            // One after the other on this thread: after a yield it has been polled.
            let waker = loop {
                match receive.try_recv() {
                    Ok(waker) => break waker,
                    Err(_) => gort::task::yield_now().wait(),
                }
            };
            let clone = waker.clone();
            match round % 3 {
                // Foreign: woken, then dropped; dropped; the last one consumed by its wake.
                0 => errands.send(Box::new(move || {
                    clone.wake();
                    drop(waker);
                })),
                1 => errands.send(Box::new(move || drop((clone, waker)))),
                _ => errands.send(Box::new(move || {
                    drop(clone);
                    waker.wake();
                })),
            }
            .unwrap();
            // The future keeps no waker, so what a poll gives away goes here.
            drop(receive);
            drop(task);
            dropped.wait();
            let place = places.recv().unwrap();
            assert_eq!(place.thread, home.thread);
            place.assert_is_a_goroutines();
        }
    });
    goroutine.wait().unwrap();
    thread.join().unwrap();
}

/// A handle that is Send, of a local task whose future is not, dropped on a foreign thread: after the end, before
/// it, and while it ends. The output goes home.
#[test]
fn handle_of_a_local_task() {
    let _watchdog = watchdog("handle_of_a_local_task");
    /// An output that is Send, so that its handle is, and says where it was dropped.
    struct Output(mpsc::Sender<Place>, Event);
    impl Drop for Output {
        fn drop(&mut self) {
            self.0.send(here()).unwrap();
            self.1.set();
        }
    }
    let (errands, thread) = foreign();
    let goroutine = gort::go(move || {
        let home = here();
        for round in 0..ROUNDS {
            let (tells, future_places, future_dropped) = tells(false);
            let (to, output_places) = mpsc::channel();
            let output_dropped = Event::new();
            let output = Output(to, output_dropped.clone());
            let mut task: JoinHandle<Output> = gort::task::spawn_local(async move {
                let _tells = tells;
                gort::task::yield_now().await;
                output
            });
            if round % 3 == 0 {
                until(|| task.is_finished());
            } else if round % 3 == 1 {
                // A waker of ours in the slot when the handle goes.
                let _ = Pin::new(&mut task).poll(&mut Context::from_waker(Waker::noop()));
            }
            errands.send(Box::new(move || drop(task))).unwrap();
            future_dropped.wait();
            output_dropped.wait();
            for place in [future_places.recv().unwrap(), output_places.recv().unwrap()] {
                assert_eq!(place.thread, home.thread);
                place.assert_is_a_goroutines();
            }
        }
    });
    goroutine.wait().unwrap();
    thread.join().unwrap();
}

/// Any task's future and output, even if they may go anywhere, are dropped on a goroutine's stack: never on g0 and
/// never on the foreign thread.
#[test]
fn any_task() {
    let _watchdog = watchdog("any_task");
    /// Send all the same: it tells no more than any thread may.
    struct AnywhereButThere(Tells);
    // SAFETY: the Rc in it has no second owner.
    unsafe impl Send for AnywhereButThere {}
    impl Future for AnywhereButThere {
        type Output = ();
        fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
            assert!(!self.0.dropped.is_set());
            Poll::Pending
        }
    }

    for round in 0..ROUNDS {
        // A future with its last waker in the hands of this foreign thread.
        let (t, places, dropped) = tells(round % 4 == 0);
        let future = AnywhereButThere(t);
        let (wakers, receive) = mpsc::channel();
        drop(gort::spawn(async move {
            std::future::poll_fn(|cx| {
                let _ = wakers.send(cx.waker().clone());
                Poll::Ready(())
            })
            .await;
            future.await;
        }));
        let waker = receive.recv().unwrap();
        drop(waker);
        dropped.wait();
        places.recv().unwrap().assert_is_a_goroutines();

        // An output whose handle goes on this thread, once it lies there.
        let (t, places, dropped) = tells(round % 4 == 0);
        let output = AnywhereButThere(t);
        let goroutine = gort::go(move || output);
        if round % 2 == 0 {
            until(|| goroutine.is_finished());
        }
        drop(goroutine);
        dropped.wait();
        places.recv().unwrap().assert_is_a_goroutines();
    }
}

/// A future that is forgotten by a poll that waited, and waits again in its destructor: the stack on which that
/// happens is not handed out meanwhile.
#[test]
fn waits_in_drop_after_a_wait_in_poll() {
    let _watchdog = watchdog("waits_in_drop_after_a_wait_in_poll");
    const TASKS: usize = 300;
    struct Forgetful(Event);
    impl Future for Forgetful {
        type Output = ();
        fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
            gort::time::sleep(Duration::from_micros(100)).wait();
            Poll::Pending
        }
    }
    impl Drop for Forgetful {
        fn drop(&mut self) {
            // Whoever writes to this stack while we wait is seen.
            let mark = [0xA5u8; 512];
            let mark = std::hint::black_box(&mark);
            gort::time::sleep(Duration::from_micros(500)).wait();
            assert!(mark.iter().all(|&byte| byte == 0xA5));
            self.0.set();
        }
    }
    let dropped: Vec<_> = (0..TASKS)
        .map(|_| {
            let dropped = Event::new();
            drop(gort::spawn(Forgetful(dropped.clone())));
            dropped
        })
        .collect();
    for dropped in dropped {
        dropped.wait();
    }
}

/// An output that waits in its destructor, detached before the end.
#[test]
fn detached_output_waits_in_drop() {
    let _watchdog = watchdog("detached_output_waits_in_drop");
    let dropped = Counter::new();
    let ended: Vec<_> = (0..300)
        .map(|round| {
            let (counter, event) = (dropped.clone(), Event::new());
            let theirs = event.clone();
            let output = support::OnDrop(move || {
                gort::time::sleep(Duration::from_micros(500)).wait();
                counter.add();
                theirs.set();
            });
            if round % 2 == 0 {
                drop(gort::go(move || output));
            } else {
                drop(gort::spawn(async move { output }));
            }
            event
        })
        .collect();
    for event in ended {
        event.wait();
    }
    assert_eq!(dropped.get(), 300);
}
