//! Deadlocks: a program in which nothing can ever run again says so and exits with status 2, as in Go; one in which
//! something still can never does.

#![allow(clippy::print_stdout, reason = "figures belong to the tests' output")]

mod support;

use std::future::{Future, pending, poll_fn};
use std::io::{Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::pin::pin;
use std::process::ExitCode;
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

use gort::net::{TcpListener, TcpStream};
use gort::task::spawn_blocking;
use gort::time::{sleep, timeout};
use gort::{JoinHandle, Wait};
use support::proc::{Switches, switches};
use support::programs::{self, Left, Named, named, program};
use support::{Event, Foreign, OnDrop, Random, announced};

const DEADLOCKED: &[Named<ExitCode>] = named![
    waits_for_nothing,
    waits_for_nothing_blocking,
    two_join_each_other,
    a_ring_of_joins,
    joins_itself,
    waits_for_a_waker_that_nobody_keeps,
    waits_for_a_waker_that_nobody_uses,
    waits_for_its_own_branch,
    after_timers,
    after_sockets,
    after_a_crowd,
    after_a_thread,
    after_a_blocked_thread,
    after_a_panic,
    after_a_foreign_wake,
    after_a_blocking_job,
    after_blocking_calls,
];

const ALIVE: &[Named<ExitCode>] = named![
    a_thread_sleeps,
    a_thread_of_c,
    a_timer_far_away,
    an_accept,
    a_read,
    a_write,
    a_connection_polled,
    a_blocked_goroutine,
    a_blocked_main,
    a_blocking_job,
    a_blocking_call,
    a_busy_goroutine,
    a_wait_while_unwinding,
    a_ticker,
    library_mode,
];

const TESTS: &[Named<()>] = named![
    every_deadlock_is_reported,
    nothing_else_is,
    a_thread_may_wake_it_late,
    work_that_comes_and_goes_is_no_deadlock,
];

fn main() -> ExitCode {
    let others: &[Named<ExitCode>] = named![woken_by_a_thread, comes_and_goes];
    programs::main(&[DEADLOCKED, ALIVE, others].concat(), TESTS)
}

/// Go's words.
const REPORT: &str = "fatal error: all goroutines are asleep - deadlock!";
const STATUS: i32 = 2;
/// From the start of the process, on a machine that is very busy; on an idle one it takes a tenth of a second or two.
const REPORTED_WITHIN: Duration = Duration::from_secs(20);

fn every_deadlock_is_reported() {
    let mut slowest = Duration::ZERO;
    for (name, _) in DEADLOCKED {
        for processors in ["1", "2", "4"] {
            let start = Instant::now();
            let left = program(name, &[("GOMAXPROCS", processors)]);
            let took = start.elapsed();
            assert_eq!(left.status.code(), Some(STATUS), "{name}, {processors}: {left:?}");
            assert_eq!(left.lines(REPORT), [REPORT], "{name}, {processors}: {left:?}");
            assert!(took < REPORTED_WITHIN, "{name}, {processors}: after {took:?}");
            slowest = slowest.max(took);
        }
    }
    println!("every deadlock reported within {slowest:.1?} of the start of its process");
}

/// For so long a program that only looks deadlocked is watched.
const WATCHED_SECONDS: u32 = 5;

fn nothing_else_is() {
    let watched: Vec<_> = ALIVE
        .iter()
        .map(|(name, _)| (name, thread::spawn(|| program(name, &[("GOMAXPROCS", "2")]))))
        .collect();
    for (name, left) in watched {
        let left: Left = left.join().unwrap();
        assert_eq!(left.status.signal(), Some(libc::SIGALRM), "{name}: {left:?}");
        if *name != "a_wait_while_unwinding" {
            assert_eq!(left.err, "", "{name}");
        }
    }
}

/// Has the kernel end the process once it has been watched.
fn alarm() {
    // SAFETY: takes a number.
    unsafe { libc::alarm(WATCHED_SECONDS) };
}

/// Deadlocked, or so it seems: main waits for what no future will tell it.
async fn for_ever() -> ExitCode {
    pending().await
}

#[gort::main]
async fn waits_for_nothing() -> ExitCode {
    for_ever().await
}

#[gort::main]
fn waits_for_nothing_blocking() -> ExitCode {
    gort::block_on(for_ever())
}

/// Has `n` join each other in a ring, tasks and goroutines in turn, and waits for the first.
async fn ring(n: usize) -> ExitCode {
    type Handles = Arc<Mutex<Vec<Option<JoinHandle<()>>>>>;
    let handles: Handles = Arc::default();
    let begin: Vec<_> = (0..n).map(|_| Event::new()).collect();
    for (i, begin) in begin.iter().enumerate() {
        let (handles, begin) = (handles.clone(), begin.clone());
        let mine = handles.clone();
        let joins = async move {
            begin.await;
            let next = handles.lock().unwrap()[(i + 1) % n].take().unwrap();
            next.await.unwrap();
        };
        let handle = if i % 2 == 0 {
            gort::go(|| joins.wait())
        } else {
            gort::spawn(joins)
        };
        mine.lock().unwrap().push(Some(handle));
    }
    begin.iter().for_each(Event::set);
    for_ever().await
}

#[gort::main]
async fn two_join_each_other() -> ExitCode {
    ring(2).await
}

#[gort::main]
async fn a_ring_of_joins() -> ExitCode {
    ring(101).await
}

#[gort::main]
async fn joins_itself() -> ExitCode {
    ring(1).await
}

#[gort::main]
async fn waits_for_a_waker_that_nobody_keeps() -> ExitCode {
    poll_fn(|cx| {
        drop(cx.waker().clone());
        Poll::Pending
    })
    .await
}

#[gort::main]
async fn waits_for_a_waker_that_nobody_uses() -> ExitCode {
    static KEPT: Mutex<Vec<Waker>> = Mutex::new(Vec::new());
    let keep = || {
        poll_fn(|cx| {
            KEPT.lock().unwrap().push(cx.waker().clone());
            Poll::Pending
        })
    };
    drop(gort::go(move || keep().wait()));
    drop(gort::spawn(keep()));
    keep().await
}

#[gort::main]
async fn waits_for_its_own_branch() -> ExitCode {
    let event = Event::new();
    let set = event.clone();
    gort::spawn(async move {
        let waits = async { event.wait() };
        let sets = async { set.set() };
        futures_util::join!(waits, sets);
    })
    .await
    .unwrap();
    ExitCode::SUCCESS
}

/// Cancelled long before they are due.
#[gort::main]
async fn after_timers() -> ExitCode {
    let late = Duration::from_secs(3600);
    let all: Vec<_> = (0..10_000)
        .map(|i| gort::spawn(timeout(late + Duration::from_millis(i), gort::task::yield_now())))
        .collect();
    for one in all {
        one.await.unwrap().unwrap();
    }
    sleep(Duration::from_millis(1)).await;
    for_ever().await
}

/// A connection to oneself.
async fn pair() -> (TcpStream, TcpStream, TcpListener) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let client = gort::spawn(TcpStream::connect(addr));
    let (server, _) = listener.accept().await.unwrap();
    (client.await.unwrap().unwrap(), server, listener)
}

/// Open ones, which nobody waits for.
#[gort::main]
async fn after_sockets() -> ExitCode {
    let (mut client, mut server, _listener) = pair().await;
    let echo = gort::go(move || {
        let mut byte = [0];
        for _ in 0..100 {
            server.read_exact(&mut byte).unwrap();
            server.write_all(&byte).unwrap();
        }
        server
    });
    let client = gort::go(move || {
        let mut byte = [0];
        for i in 0..100 {
            client.write_all(&[i]).unwrap();
            client.read_exact(&mut byte).unwrap();
            assert_eq!(byte, [i]);
        }
        client
    });
    let _open = (client.await.unwrap(), echo.await.unwrap());
    for_ever().await
}

/// Their stacks go back, and their memory a second later: that the runtime has that to do saves nobody.
#[gort::main]
async fn after_a_crowd() -> ExitCode {
    let all: Vec<_> = (0..2000)
        .map(|_| gort::go(|| sleep(Duration::from_millis(1)).wait()))
        .collect();
    for one in all {
        one.await.unwrap();
    }
    for_ever().await
}

/// It is still there when everybody goes to rest, and gone when sysmon does.
#[gort::main]
async fn after_a_thread() -> ExitCode {
    let event = Event::new();
    let sets = event.clone();
    thread::spawn(move || {
        sets.set();
        thread::sleep(Duration::from_millis(1));
    });
    event.await;
    for_ever().await
}

/// The last M to go to rest is one that everybody else waited for.
#[gort::main]
async fn after_a_blocked_thread() -> ExitCode {
    gort::go(|| {
        thread::sleep(Duration::from_millis(50));
        sleep(Duration::from_millis(50)).wait();
        pending::<()>().wait();
    })
    .await
    .unwrap();
    ExitCode::SUCCESS
}

/// The last to end is a job that nobody waits for.
#[gort::main]
async fn after_a_blocking_job() -> ExitCode {
    drop(spawn_blocking(|| thread::sleep(Duration::from_millis(50))));
    for_ever().await
}

#[gort::main]
fn after_blocking_calls() -> ExitCode {
    let goroutines: Vec<_> = (0..20)
        .map(|i| gort::go(move || gort::blocking(|| thread::sleep(Duration::from_millis(i)))))
        .collect();
    goroutines.into_iter().for_each(|one| one.wait().unwrap());
    gort::block_on(for_ever())
}

#[gort::main]
async fn after_a_panic() -> ExitCode {
    std::panic::set_hook(Box::new(|_| {}));
    assert!(gort::go(|| panic!("in a goroutine")).await.is_err());
    assert!(gort::spawn(async { panic!("in a task") }).await.is_err());
    for_ever().await
}

/// Which a G of the runtime's own passes on.
#[gort::main]
async fn after_a_foreign_wake() -> ExitCode {
    let foreign = Arc::new(Foreign::default());
    let waker = Waker::from(foreign.clone());
    let mut cx = std::task::Context::from_waker(&waker);
    // One that is due when it is first polled, on a busy machine, wakes nobody.
    let mut timer = Box::pin(sleep(Duration::from_millis(1)));
    while timer.as_mut().poll(&mut cx).is_ready() {
        timer = Box::pin(sleep(Duration::from_millis(1)));
    }
    foreign.event.clone().await;
    for_ever().await
}

#[gort::main]
async fn a_thread_sleeps() -> ExitCode {
    alarm();
    thread::spawn(|| {
        loop {
            thread::park();
        }
    });
    for_ever().await
}

#[gort::main]
async fn a_thread_of_c() -> ExitCode {
    extern "C" fn body(_: *mut libc::c_void) -> *mut libc::c_void {
        loop {
            // SAFETY: waits for a signal.
            unsafe { libc::pause() };
        }
    }
    alarm();
    let mut thread = 0;
    // SAFETY: the body takes nothing.
    let made = unsafe { libc::pthread_create(&mut thread, std::ptr::null(), body, std::ptr::null_mut()) };
    assert_eq!(made, 0);
    for_ever().await
}

#[gort::main]
async fn a_timer_far_away() -> ExitCode {
    alarm();
    drop(gort::spawn(sleep(Duration::from_secs(3600))));
    for_ever().await
}

#[gort::main]
async fn an_accept() -> ExitCode {
    alarm();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.accept().await.unwrap();
    ExitCode::SUCCESS
}

#[gort::main]
async fn a_read() -> ExitCode {
    alarm();
    let (mut client, _server, _listener) = pair().await;
    gort::go(move || client.read(&mut [0])).await.unwrap().unwrap();
    ExitCode::SUCCESS
}

#[gort::main]
async fn a_write() -> ExitCode {
    alarm();
    let (mut client, _server, _listener) = pair().await;
    gort::go(move || while client.write(&[0; 65536]).is_ok() {})
        .await
        .unwrap();
    ExitCode::SUCCESS
}

/// Through the face that has no future to wait in.
#[gort::main]
async fn a_connection_polled() -> ExitCode {
    use gort::io::AsyncReadExt;
    alarm();
    let (mut client, _server, _listener) = pair().await;
    AsyncReadExt::read(&mut client, &mut [0]).await.unwrap();
    ExitCode::SUCCESS
}

#[gort::main]
async fn a_blocked_goroutine() -> ExitCode {
    alarm();
    drop(gort::go(|| thread::sleep(Duration::from_secs(3600))));
    for_ever().await
}

#[gort::main]
async fn a_blocking_job() -> ExitCode {
    alarm();
    drop(spawn_blocking(|| thread::sleep(Duration::from_secs(3600))));
    for_ever().await
}

#[gort::main]
fn a_blocking_call() -> ExitCode {
    alarm();
    gort::blocking(|| thread::sleep(Duration::from_secs(3600)));
    ExitCode::SUCCESS
}

#[gort::main]
fn a_blocked_main() -> ExitCode {
    alarm();
    loop {
        thread::park();
    }
}

#[gort::main]
async fn a_busy_goroutine() -> ExitCode {
    alarm();
    drop(gort::go(|| {
        loop {
            std::hint::spin_loop();
        }
    }));
    for_ever().await
}

/// Its thread sleeps, but it is the goroutine's: what else happens there the runtime does not know.
#[gort::main]
async fn a_wait_while_unwinding() -> ExitCode {
    alarm();
    drop(gort::go(|| {
        let _waits = OnDrop(|| pending().wait());
        panic!("in a goroutine");
    }));
    for_ever().await
}

#[gort::main]
async fn a_ticker() -> ExitCode {
    alarm();
    drop(gort::spawn(async {
        loop {
            sleep(Duration::from_millis(3)).await;
        }
    }));
    for_ever().await
}

fn library_mode() -> ExitCode {
    alarm();
    gort::go(|| pending::<ExitCode>().wait()).wait().unwrap()
}

/// Long after everything has gone to rest.
fn a_thread_may_wake_it_late() {
    program("woken_by_a_thread", &[("GOMAXPROCS", "2")]).assert_quiet(0);
}

/// And meanwhile nobody looks whether it will.
#[gort::main]
async fn woken_by_a_thread() -> ExitCode {
    const QUIET: Duration = Duration::from_secs(2);
    let event = Event::new();
    let wakes = event.clone();
    // On an idle machine they are at rest after 1.3 s. Should they never be, the test's own limit ends this.
    let waker = thread::spawn(move || {
        let mut before = switches_of_others();
        loop {
            thread::sleep(QUIET);
            let now = switches_of_others();
            if now == before {
                break;
            }
            before = now;
        }
        assert!(before.iter().any(|thread| thread.name == "gort-sysmon"));
        wakes.set();
    });
    event.await;
    waker.join().unwrap();
    ExitCode::SUCCESS
}

/// Of every thread but the caller.
fn switches_of_others() -> Vec<Switches> {
    // SAFETY: no arguments; it always succeeds.
    let me = unsafe { libc::gettid() } as u32;
    let mut all = switches(std::process::id());
    all.retain(|thread| thread.tid != me);
    all
}

fn work_that_comes_and_goes_is_no_deadlock() {
    let seed = support::seed().to_string();
    for processors in ["1", "2", "4"] {
        let env = [("GOMAXPROCS", processors), ("GORT_TEST_SEED", &*seed)];
        let left = program("comes_and_goes", &env);
        assert_eq!((left.status.code(), &*left.err), (Some(0), ""), "{left:?}");
    }
}

/// Everything goes to rest again and again, and each time something is left that wakes it: a thread that ends as soon as
/// it has, a timer, the other end of a socket, another goroutine's thread, a foreign waker.
#[gort::main]
async fn comes_and_goes() -> ExitCode {
    const ROUNDS: usize = 1500;
    let mut random = Random::new(support::seed());
    let (mut client, mut server, _listener) = pair().await;
    drop(gort::go(move || {
        let mut byte = [0];
        while server.read_exact(&mut byte).is_ok() {
            server.write_all(&byte).unwrap();
        }
    }));
    for _ in 0..ROUNDS {
        let pause = Duration::from_micros(random.below(200) as u64);
        match random.below(6) {
            0 => {
                let (event, polled) = (Event::new(), Event::new());
                let (sets, begins) = (event.clone(), polled.clone());
                thread::spawn(move || {
                    begins.wait();
                    thread::sleep(pause);
                    sets.set();
                });
                announced(event, polled).await;
            }
            1 => sleep(pause).await,
            2 => gort::go(move || sleep(pause).wait()).await.unwrap(),
            3 => {
                client.write_all(b"x").unwrap();
                client.read_exact(&mut [0]).unwrap();
            }
            4 => gort::go(move || thread::sleep(pause)).await.unwrap(),
            _ => {
                let foreign = Arc::new(Foreign::default());
                let waker = Waker::from(foreign.clone());
                let mut timer = pin!(sleep(pause));
                let mut cx = std::task::Context::from_waker(&waker);
                if timer.as_mut().poll(&mut cx).is_pending() {
                    foreign.event.clone().await;
                }
            }
        }
    }
    ExitCode::SUCCESS
}
