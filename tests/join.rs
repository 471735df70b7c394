//! Joining: a handle gives the output once, to whoever waits, however it waits; dropped, it detaches.

mod support;

use std::io;
use std::panic::{AssertUnwindSafe, RefUnwindSafe, UnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::mpsc;
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

use gort::{JoinHandle, Wait};
use support::{Counter, Event, Foreign, Random, count_drop, until, watchdog};

const ROUNDS: usize = 10_000;

#[test]
fn handle_traits() {
    fn check<T: Send + Sync + Unpin + UnwindSafe + RefUnwindSafe>() {}
    check::<JoinHandle<std::cell::Cell<u8>>>();
    fn unpin<T: Unpin + UnwindSafe>() {}
    unpin::<JoinHandle<std::rc::Rc<std::marker::PhantomPinned>>>();

    // A handle of an Rc is neither Send nor Sync: were it, this trait would be ambiguous.
    trait Ambiguous<A> {
        fn check() {}
    }
    impl<T: ?Sized> Ambiguous<()> for T {}
    struct IsSend;
    impl<T: ?Sized + Send> Ambiguous<IsSend> for T {}
    struct IsSync;
    impl<T: ?Sized + Sync> Ambiguous<IsSync> for T {}
    <JoinHandle<std::rc::Rc<()>> as Ambiguous<_>>::check();
}

#[test]
fn every_kind_from_everywhere() {
    let _watchdog = watchdog("every_kind_from_everywhere");
    fn join_all() -> u32 {
        let goroutine = gort::go(|| 1);
        let task = gort::spawn(async { 2 });
        let named = gort::Builder::new()
            .name("named")
            .stack_size(64 << 10)
            .go(|| 4)
            .unwrap();
        let named_task = gort::Builder::new().name("named").spawn(async { 8 });
        goroutine.wait().unwrap()
            + Wait::wait(task).unwrap()
            + gort::block_on(named).unwrap()
            + gort::block_on(async { named_task.await.unwrap() })
    }
    assert_eq!(join_all(), 15);
    assert_eq!(gort::go(join_all).wait().unwrap(), 15);
    assert_eq!(gort::spawn(async { join_all() }).wait().unwrap(), 15);
    assert_eq!(
        gort::go(|| gort::task::spawn_local(async { join_all() }).wait().unwrap())
            .wait()
            .unwrap(),
        15
    );
    assert_eq!(thread::spawn(join_all).join().unwrap(), 15);
}

#[test]
fn outputs_of_every_shape() {
    let _watchdog = watchdog("outputs_of_every_shape");
    #[repr(align(128))]
    #[derive(Clone, Copy, PartialEq, Debug)]
    struct Aligned([u8; 300]);
    let aligned = Aligned([7; 300]);

    let address = |x: &Aligned| std::ptr::from_ref(x).addr() % 128;
    // Output larger than the body, body larger than the output, both over-aligned, both empty.
    assert_eq!(gort::spawn(async { Aligned([7; 300]) }).wait().unwrap(), aligned);
    assert_eq!(
        gort::go(move || address(&aligned) + usize::from(aligned.0[299]))
            .wait()
            .unwrap(),
        7
    );
    assert_eq!(gort::go(move || aligned).wait().unwrap(), aligned);
    let inside = async move {
        let before = address(&aligned);
        gort::task::yield_now().await;
        before + address(&aligned) + usize::from(aligned.0[0])
    };
    assert_eq!(gort::spawn(inside).wait().unwrap(), 7);
    gort::spawn(async {}).wait().unwrap();
    gort::go(|| {}).wait().unwrap();
    assert_eq!(
        gort::spawn(std::future::ready([1u8; 4096])).wait().unwrap()[4095],
        1
    );
}

#[test]
fn wakes_the_last_waker_once() {
    let _watchdog = watchdog("wakes_the_last_waker_once");
    let event = Event::new();
    let mut task = gort::spawn(event.clone());
    let wakers = [Arc::new(Foreign::default()), Arc::new(Foreign::default())];
    for i in [0, 0, 1, 0, 1, 1] {
        let waker = Waker::from(wakers[i].clone());
        assert!(
            Pin::new(&mut task)
                .poll(&mut Context::from_waker(&waker))
                .is_pending()
        );
        // The slot holds the waker of the last poll only.
        assert_eq!(Arc::strong_count(&wakers[i]), 3);
        assert_eq!(Arc::strong_count(&wakers[1 - i]), 1);
    }
    assert!(!task.is_finished());
    event.set();
    gort::block_on(wakers[1].event.clone());
    assert!(task.is_finished());
    assert_eq!(wakers[0].wakes.load(SeqCst), 0);
    assert_eq!(wakers[1].wakes.load(SeqCst), 1);
    task.wait().unwrap();
    // The waker that was woken goes, too.
    until(|| Arc::strong_count(&wakers[1]) == 1);
}

#[test]
fn dropped_handle_drops_its_waker() {
    let _watchdog = watchdog("dropped_handle_drops_its_waker");
    let event = Event::new();
    let mut task = gort::spawn(event.clone());
    let foreign = Arc::new(Foreign::default());
    let waker = Waker::from(foreign.clone());
    assert!(
        Pin::new(&mut task)
            .poll(&mut Context::from_waker(&waker))
            .is_pending()
    );
    drop(waker);
    assert_eq!(Arc::strong_count(&foreign), 2);
    drop(task);
    assert_eq!(Arc::strong_count(&foreign), 1);
    event.set();
}

#[test]
fn polled_after_ready_panics() {
    let _watchdog = watchdog("polled_after_ready_panics");
    let mut task = gort::spawn(async {});
    gort::block_on(&mut task).unwrap();
    let again = catch_unwind(AssertUnwindSafe(|| gort::block_on(&mut task)));
    assert!(again.is_err());
    assert!(task.is_finished());
}

#[test]
fn a_timeout_loses_no_output() {
    let _watchdog = watchdog("a_timeout_loses_no_output");
    let event = Event::new();
    let theirs = event.clone();
    let mut goroutine = gort::go(move || {
        theirs.wait();
        5
    });
    let early = gort::block_on(gort::time::timeout(Duration::from_millis(1), &mut goroutine));
    assert!(early.is_err());
    event.set();
    assert_eq!(goroutine.wait().unwrap(), 5);
}

#[test]
fn a_handle_moves_while_waited_for() {
    let _watchdog = watchdog("a_handle_moves_while_waited_for");
    let event = Event::new();
    let mut task = gort::spawn(event.clone());
    for _ in 0..100 {
        // Polled by one task after the other, each with a waker of its own.
        task = gort::spawn(async move {
            let pending =
                std::future::poll_fn(|cx| Poll::Ready(Pin::new(&mut task).poll(cx).is_pending())).await;
            assert!(pending);
            (task,)
        })
        .wait()
        .unwrap()
        .0;
    }
    let joiner = gort::spawn(task);
    event.set();
    joiner.wait().unwrap().unwrap();
}

#[test]
fn ids_are_the_tasks_own() {
    let _watchdog = watchdog("ids_are_the_tasks_own");
    let tasks: Vec<_> = (0..100).map(|_| gort::spawn(async {})).collect();
    let mut ids: Vec<_> = tasks.iter().map(JoinHandle::id).collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 100);
    for task in tasks {
        let id = task.id();
        assert!(format!("{task:?}").contains(&id.to_string()));
        task.wait().unwrap();
    }
}

/// The handle goes before, while and after the task ends; on foreign threads and on goroutines; waited for or not:
/// body and output are each dropped once.
#[test]
fn drops_everything_once() {
    let _watchdog = watchdog("drops_everything_once");
    let bodies = Counter::new();
    let outputs = Counter::new();
    let (send, receive) = mpsc::channel::<Box<dyn FnOnce() + Send>>();
    let foreign = thread::spawn(move || receive.into_iter().for_each(|f| f()));
    let mut random = Random::new(1);
    for round in 0..ROUNDS {
        let body = count_drop(&bodies);
        let output = count_drop(&outputs);
        let handle = if round % 2 == 0 {
            let yields = random.below(3);
            gort::spawn(async move {
                let _body = body;
                for _ in 0..yields {
                    gort::task::yield_now().await;
                }
                output
            })
        } else {
            gort::go(move || {
                let _body = body;
                output
            })
        };
        match random.below(5) {
            0 => drop(handle),
            1 => drop(handle.wait().unwrap()),
            2 => send.send(Box::new(move || drop(handle))).unwrap(),
            3 => send.send(Box::new(move || drop(handle.wait().unwrap()))).unwrap(),
            _ => {
                // Registers a waker and goes.
                gort::spawn(async move {
                    let mut handle = handle;
                    std::future::poll_fn(|cx| Poll::Ready(_ = Pin::new(&mut handle).poll(cx))).await;
                });
            }
        }
    }
    drop(send);
    foreign.join().unwrap();
    // Those that were detached end in their own time.
    until(|| bodies.get() >= ROUNDS && outputs.get() >= ROUNDS);
    assert_eq!((bodies.get(), outputs.get()), (ROUNDS, ROUNDS));
}

#[test]
fn builder_drops_a_closure_that_it_cannot_start() {
    let _watchdog = watchdog("builder_drops_a_closure_that_it_cannot_start");
    let drops = Counter::new();
    let captured = count_drop(&drops);
    let failed = gort::Builder::new()
        .stack_size(usize::MAX / 2)
        .go(move || drop(captured));
    let error = failed.expect_err("a stack as large as the address space");
    assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
    assert!(error.to_string().contains("largest"), "{error}");
    assert_eq!(drops.get(), 1);
    // The largest there is takes address space only.
    let largest = gort::Builder::new().stack_size(1 << 30).go(|| 1).unwrap();
    assert_eq!(largest.wait().unwrap(), 1);
}
