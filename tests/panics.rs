//! Panics: each comes back as a `JoinError`, or as a report and an abort; none hangs.

mod support;

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind, panic_any, resume_unwind};
use std::pin::Pin;
use std::process::Output;
use std::sync::Arc;
use std::task::{Context, Poll, RawWaker, RawWakerVTable, Wake, Waker};
use std::time::Duration;

use gort::Wait;
use gort::time::sleep;
use support::{Counter, Event, OnDrop, count_drop, is_child, no_core, run_child, until, watchdog};

const A_MOMENT: Duration = Duration::from_millis(1);

fn message(error: gort::JoinError) -> String {
    assert!(error.is_panic() && !error.is_cancelled());
    let payload = error.into_panic();
    match payload.downcast::<String>() {
        Ok(message) => *message,
        Err(payload) => (*payload.downcast::<&str>().unwrap()).to_owned(),
    }
}

#[test]
fn in_a_task() {
    let _watchdog = watchdog("panics::in_a_task");
    let error = gort::spawn(async { panic!("at once") }).wait().unwrap_err();
    assert_eq!(message(error), "at once");
    let awaited = gort::spawn(async {
        sleep(A_MOMENT).await;
        panic!("after {}", "an await")
    });
    assert_eq!(message(awaited.wait().unwrap_err()), "after an await");
    let waited = gort::spawn(async {
        sleep(A_MOMENT).wait();
        panic!("after a wait")
    });
    assert_eq!(message(gort::block_on(waited).unwrap_err()), "after a wait");
}

#[test]
fn in_a_goroutine() {
    let _watchdog = watchdog("panics::in_a_goroutine");
    let error = gort::go(|| panic!("at once")).wait().unwrap_err();
    assert_eq!(message(error), "at once");
    let waited = gort::go(|| {
        sleep(A_MOMENT).wait();
        panic!("after a wait")
    });
    assert_eq!(message(waited.wait().unwrap_err()), "after a wait");
}

#[test]
fn in_a_local_task() {
    let _watchdog = watchdog("panics::in_a_local_task");
    gort::go(|| {
        let task = gort::task::spawn_local(async {
            let _not_send = std::rc::Rc::new(());
            gort::task::yield_now().await;
            panic!("local")
        });
        assert_eq!(message(task.wait().unwrap_err()), "local");
    })
    .wait()
    .unwrap();
}

/// A panic unwinds only the goroutine's own frames; what it borrowed and held is dropped, once.
#[test]
fn drops_what_it_unwinds() {
    let _watchdog = watchdog("panics::drops_what_it_unwinds");
    let drops = Counter::new();
    let (a, b, c, d) = (
        count_drop(&drops),
        count_drop(&drops),
        count_drop(&drops),
        count_drop(&drops),
    );
    let goroutine = gort::go(move || {
        let _a = a;
        let inner = move || {
            let _b = b;
            sleep(A_MOMENT).wait();
            panic!("two drops");
        };
        inner()
    });
    let task = gort::spawn(async move {
        let _c = c;
        async move {
            let _d = d;
            sleep(A_MOMENT).await;
            panic!("two drops");
        }
        .await
    });
    assert_eq!(message(goroutine.wait().unwrap_err()), "two drops");
    assert_eq!(message(task.wait().unwrap_err()), "two drops");
    assert_eq!(drops.get(), 4);
}

#[test]
fn the_error() {
    let _watchdog = watchdog("panics::the_error");
    let task = gort::spawn(async { panic!("what it said") });
    let id = task.id();
    let error = task.wait().unwrap_err();
    assert_eq!(error.id(), id);
    assert_eq!(
        error.to_string(),
        format!("task {id} panicked with message \"what it said\"")
    );
    assert!(format!("{error:?}").contains("what it said"));
    let error = io::Error::from(error);
    assert_eq!(error.kind(), io::ErrorKind::Other);
    assert!(error.to_string().contains("what it said"));

    let error = gort::go(|| panic_any(17)).wait().unwrap_err();
    assert!(error.to_string().ends_with(" panicked"));
    assert_eq!(*error.try_into_panic().unwrap().downcast::<i32>().unwrap(), 17);

    // Resumed elsewhere it goes on as it was, without a second report by the hook.
    let error = gort::go(|| panic_any(18)).wait().unwrap_err();
    let again = gort::go(move || resume_unwind(error.into_panic()))
        .wait()
        .unwrap_err();
    assert_eq!(*again.into_panic().downcast::<i32>().unwrap(), 18);
}

/// Ready, or panicking, and then panicking in its destructor.
struct PanicsInDrop {
    panics_in_poll: bool,
}

impl Future for PanicsInDrop {
    type Output = OnDrop<Box<dyn FnMut() + Send>>;

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Self::Output> {
        assert!(!self.panics_in_poll, "in poll");
        Poll::Ready(OnDrop(Box::new(|| panic!("in the drop of the output"))))
    }
}

impl Drop for PanicsInDrop {
    fn drop(&mut self) {
        panic!("in drop");
    }
}

#[test]
fn in_the_drop_of_a_future() {
    let _watchdog = watchdog("panics::in_the_drop_of_a_future");
    // The output that there was is dropped, and its own panic goes nowhere.
    let error = gort::spawn(PanicsInDrop {
        panics_in_poll: false,
    })
    .wait()
    .err()
    .unwrap();
    assert_eq!(message(error), "in drop");
    // Of two panics, one after the other, the first is told.
    let error = gort::spawn(PanicsInDrop { panics_in_poll: true })
        .wait()
        .err()
        .unwrap();
    assert_eq!(message(error), "in poll");
}

/// Nobody is left to be told: the runtime goes on.
#[test]
fn in_the_drop_of_an_output() {
    let _watchdog = watchdog("panics::in_the_drop_of_an_output");
    let (event, dropped) = (Event::new(), Event::new());
    let output = || {
        let dropped = dropped.clone();
        OnDrop(move || {
            dropped.set();
            panic!("in the drop of the output");
        })
    };
    // Detached before the end.
    let (theirs, detached) = (event.clone(), output());
    drop(gort::spawn(async move {
        theirs.await;
        detached
    }));
    event.set();
    dropped.clone().wait();
    // After the end, with its handle.
    let ended = gort::go({
        let output = output();
        move || output
    });
    until(|| ended.is_finished());
    drop(ended);
    // With a panic as payload of which even the drop panics.
    drop(gort::go({
        let output = output();
        move || panic_any(output)
    }));
    assert_eq!(gort::go(|| 1).wait().unwrap(), 1);
}

/// A forgotten future whose destructor panics.
#[test]
fn in_the_drop_of_a_forgotten_task() {
    let _watchdog = watchdog("panics::in_the_drop_of_a_forgotten_task");
    for _ in 0..10 {
        let dropped = Event::new();
        let on_drop = OnDrop({
            let dropped = dropped.clone();
            move || {
                dropped.set();
                panic!("in the drop of a forgotten future");
            }
        });
        drop(gort::spawn(async move {
            let _on_drop = on_drop;
            std::future::pending::<()>().await;
        }));
        dropped.wait();
    }
}

/// Rule 6: while a panic unwinds, a wait blocks the thread, and no other goroutine sees this thread's panic.
#[test]
fn waits_while_unwinding() {
    let _watchdog = watchdog("panics::waits_while_unwinding");
    let seen = Counter::new();
    let siblings: Vec<_> = (0..8)
        .map(|_| {
            let seen = seen.clone();
            gort::go(move || {
                for _ in 0..50 {
                    assert!(!std::thread::panicking());
                    seen.add();
                    sleep(Duration::from_micros(100)).wait();
                }
            })
        })
        .collect();
    for _ in 0..10 {
        let goroutine = gort::go(|| {
            let _waits = OnDrop(|| {
                assert!(std::thread::panicking());
                sleep(A_MOMENT).wait();
                assert_eq!(gort::go(|| 3).wait().unwrap(), 3);
                assert!(std::thread::panicking());
            });
            panic!("and waits in drop");
        });
        assert_eq!(message(goroutine.wait().unwrap_err()), "and waits in drop");
    }
    for sibling in siblings {
        sibling.wait().unwrap();
    }
    assert_eq!(seen.get(), 8 * 50);
}

/// A panic in a destructor, caught inside of it, while another unwinds: that is allowed, and stays so.
#[test]
fn caught_while_unwinding() {
    let _watchdog = watchdog("panics::caught_while_unwinding");
    let goroutine = gort::go(|| {
        let _catches = OnDrop(|| {
            let inner = catch_unwind(|| panic!("inner"));
            assert!(inner.is_err());
        });
        panic!("outer");
    });
    assert_eq!(message(goroutine.wait().unwrap_err()), "outer");
}

fn assert_aborts(output: &Output, said: &str) {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success(), "{stderr}");
    assert!(stderr.contains(said), "{said:?} is not in\n{stderr}");
    #[cfg(unix)]
    assert_eq!(
        std::os::unix::process::ExitStatusExt::signal(&output.status),
        Some(libc::SIGABRT),
        "{:?}\n{stderr}",
        output.status
    );
}

/// std's rule: a second panic while the first unwinds aborts. It does so on any stack, and never hangs.
#[test]
fn in_a_drop_while_unwinding_on_a_goroutine() {
    let name = "in_a_drop_while_unwinding_on_a_goroutine";
    if is_child(name) {
        let _watchdog = watchdog(name);
        no_core();
        let _ = gort::go(|| {
            let _panics = OnDrop(|| panic!("the second"));
            sleep(A_MOMENT).wait();
            panic!("the first");
        })
        .wait();
        return;
    }
    assert_aborts(&run_child(name, &[]), "the second");
}

#[test]
fn in_a_drop_while_unwinding_in_a_task() {
    let name = "in_a_drop_while_unwinding_in_a_task";
    if is_child(name) {
        let _watchdog = watchdog(name);
        no_core();
        let _ = gort::spawn(async {
            sleep(A_MOMENT).await;
            let _panics = OnDrop(|| panic!("the second"));
            panic!("the first");
        })
        .wait();
        return;
    }
    assert_aborts(&run_child(name, &[]), "the second");
}

struct PanicsInWake;

impl Wake for PanicsInWake {
    fn wake(self: Arc<Self>) {
        panic!("in wake");
    }
}

/// A waker that panics is another runtime's bug. The runtime that calls it has nobody to tell: a fatal report.
#[test]
fn in_the_wake_of_a_join_waker() {
    let name = "in_the_wake_of_a_join_waker";
    if is_child(name) {
        let _watchdog = watchdog(name);
        no_core();
        let event = Event::new();
        let mut task = gort::spawn(event.clone());
        let waker = Waker::from(Arc::new(PanicsInWake));
        assert!(
            Pin::new(&mut task)
                .poll(&mut Context::from_waker(&waker))
                .is_pending()
        );
        event.set();
        // Nobody polls the handle again, so this waker stays the one to be called.
        sleep(Duration::from_secs(3600)).wait();
        return;
    }
    let output = run_child(name, &[]);
    assert_aborts(&output, "in wake");
    assert_aborts(&output, "fatal");
}

/// As above, from a timer, which fires where user code must not run.
#[test]
fn in_the_wake_of_a_timers_waker() {
    let name = "in_the_wake_of_a_timers_waker";
    if is_child(name) {
        let _watchdog = watchdog(name);
        no_core();
        let waker = Waker::from(Arc::new(PanicsInWake));
        // One that is due when it is first polled, on a busy machine, wakes nobody.
        let mut timer = Box::pin(sleep(A_MOMENT));
        while timer.as_mut().poll(&mut Context::from_waker(&waker)).is_ready() {
            timer = Box::pin(sleep(A_MOMENT));
        }
        sleep(Duration::from_secs(3600)).wait();
        return;
    }
    let output = run_child(name, &[]);
    assert_aborts(&output, "in wake");
    assert_aborts(&output, "fatal");
}

/// Called by a task, it is that task's panic.
#[test]
fn in_the_wake_that_a_task_calls() {
    let _watchdog = watchdog("panics::in_the_wake_that_a_task_calls");
    let task = gort::spawn(async {
        Waker::from(Arc::new(PanicsInWake)).wake();
    });
    assert_eq!(message(task.wait().unwrap_err()), "in wake");
}

/// A waker that cannot be cloned panics in the poll that it was passed to; the handle stays usable.
#[test]
fn in_the_clone_of_a_waker() {
    fn clone(_: *const ()) -> RawWaker {
        panic!("in clone")
    }
    fn nothing(_: *const ()) {}
    static VTABLE: RawWakerVTable = RawWakerVTable::new(clone, nothing, nothing, nothing);

    let _watchdog = watchdog("panics::in_the_clone_of_a_waker");
    let event = Event::new();
    let mut task = gort::spawn(event.clone());
    // SAFETY: the functions touch no data.
    let waker = unsafe { Waker::from_raw(RawWaker::new(std::ptr::null(), &VTABLE)) };
    for _ in 0..2 {
        let polled = catch_unwind(AssertUnwindSafe(|| {
            Pin::new(&mut task)
                .poll(&mut Context::from_waker(&waker))
                .is_pending()
        }));
        assert!(polled.is_err());
        // Also with a good waker in the slot.
        let good = Waker::noop();
        assert!(
            Pin::new(&mut task)
                .poll(&mut Context::from_waker(good))
                .is_pending()
        );
    }
    event.set();
    task.wait().unwrap();
}

#[test]
fn spawn_local_off_a_goroutine() {
    let _watchdog = watchdog("panics::spawn_local_off_a_goroutine");
    let drops = Counter::new();
    let body = count_drop(&drops);
    let panic = catch_unwind(AssertUnwindSafe(|| {
        drop(gort::task::spawn_local(async move { drop(body) }))
    }))
    .unwrap_err();
    let message = panic.downcast_ref::<&str>().unwrap();
    assert!(
        message.contains("spawn_local called outside of a goroutine"),
        "{message}"
    );
    assert_eq!(drops.get(), 1);
}
