//! No thread can be made: one line of warning, and the runtime goes on with those it has. All work still gets done.

#![expect(clippy::print_stdout, reason = "a test's output")]

mod support;

use std::io::{Read, Write};
use std::process::ExitCode;
use std::sync::{Arc, Mutex, OnceLock, mpsc};
use std::thread;
use std::time::Duration;

use gort::Wait;
use gort::net::{TcpListener, TcpStream};
use gort::task::{spawn_blocking, yield_now};
use gort::time::sleep;
use support::limits::{no_more_threads, no_more_threads_anywhere};
use support::programs::{self, Left, Named, named, program};
use support::{Counter, Event, OnDrop};

const PROGRAMS: &[Named<ExitCode>] = named![
    alone,
    alone_without_a_boot_thread,
    alone_among_foreign,
    few,
    few_and_blocked,
    alone_and_blocked,
    later_there_are_threads,
    blocking_alone,
    blocking_with_one,
    blocking_later,
];

const TESTS: &[Named<()>] = named![
    one_thread_does_it_all,
    a_library_needs_one_thread,
    the_threads_there_are_go_on,
    blocked_threads_see_to_timers_and_network,
    it_tries_again,
    what_blocks_makes_do,
    it_tries_again_for_what_blocks,
];

/// What a program exits with if this machine cannot take threads from it.
const SKIPPED: u8 = 99;

fn main() -> ExitCode {
    programs::main(PROGRAMS, TESTS)
}

/// Runs a program, unless it cannot be run here.
fn limited(name: &str) -> Option<Left> {
    let left = program(name, &[("GOMAXPROCS", "4")]);
    if left.status.code() == Some(i32::from(SKIPPED)) {
        println!("skipped: no seccomp here");
        return None;
    }
    Some(left)
}

fn assert_warned_once(name: &str) {
    if let Some(left) = limited(name) {
        left.assert_success();
        let warning = left.the_warning();
        assert!(
            warning.starts_with("gort: no further thread can be had: starting a thread: os error 11;"),
            "{warning}"
        );
    }
}

/// Tasks and goroutines that wait in every way, sockets and timers among them.
fn everything(n: usize) {
    let done = Counter::new();
    let listener = TcpListener::bind("127.0.0.1:0").wait().unwrap();
    let address = listener.local_addr().unwrap();
    let server = gort::go(move || {
        for _ in 0..n / 10 {
            let (mut stream, _) = listener.accept().wait().unwrap();
            gort::go(move || {
                let mut bytes = [0; 4];
                stream.read_exact(&mut bytes).unwrap();
                stream.write_all(&bytes).unwrap();
            });
        }
    });
    let all: Vec<_> = (0..n)
        .map(|i| {
            let done = done.clone();
            let body = move || {
                match i % 5 {
                    0 => sleep(Duration::from_micros(i as u64)).wait(),
                    1 => yield_now().wait(),
                    2 => gort::spawn(async { yield_now().await }).wait().unwrap(),
                    3 => gort::go(|| yield_now().wait()).wait().unwrap(),
                    _ if i % 10 == 4 => {
                        let mut stream = TcpStream::connect(address).wait().unwrap();
                        stream.write_all(&(i as u32).to_le_bytes()).unwrap();
                        let mut bytes = [0; 4];
                        stream.read_exact(&mut bytes).unwrap();
                        assert_eq!(u32::from_le_bytes(bytes), i as u32);
                    }
                    _ => {}
                }
                done.add();
            };
            if i % 2 == 0 {
                gort::go(body)
            } else {
                gort::spawn(async move { body() })
            }
        })
        .collect();
    for one in all {
        one.wait().unwrap();
    }
    server.wait().unwrap();
    assert_eq!(done.get(), n);
}

#[gort::main]
async fn run_alone() {
    for _ in 0..5 {
        gort::go(|| everything(200)).await.unwrap();
        everything(200);
        // Every M, of one, goes to sleep.
        sleep(Duration::from_millis(5)).await;
    }
}

/// Not even sysmon.
fn alone() -> ExitCode {
    if !no_more_threads() {
        return ExitCode::from(SKIPPED);
    }
    run_alone()
}

fn one_thread_does_it_all() {
    assert_warned_once("alone");
}

fn alone_without_a_boot_thread() -> ExitCode {
    if !no_more_threads() {
        return ExitCode::from(SKIPPED);
    }
    gort::block_on(gort::spawn(async {})).unwrap();
    ExitCode::SUCCESS
}

fn a_library_needs_one_thread() {
    if let Some(left) = limited("alone_without_a_boot_thread") {
        let line = left.the_fatal_line();
        assert_eq!(
            line,
            "fatal error: no thread for the runtime: starting a thread: os error 11"
        );
        assert_eq!(left.err.lines().count(), 1, "{left:?}");
    }
}

/// One M and sysmon, and foreign threads that hand work in while that M sleeps in the poller.
fn few() -> ExitCode {
    // The boot needs sysmon; then the M that it leaves is asleep.
    gort::block_on(async {});
    gort::go(|| {}).wait().unwrap();
    let (sender, receiver) = mpsc::channel::<()>();
    let receiver = Arc::new(Mutex::new(receiver));
    let foreign: Vec<_> = (0..FOREIGN)
        .map(|_| {
            let receiver = receiver.clone();
            thread::spawn(move || {
                receiver.lock().unwrap().recv().unwrap();
                for i in 0..200 {
                    assert_eq!(gort::go(move || i).wait().unwrap(), i);
                    assert_eq!(gort::spawn(async move { i }).wait().unwrap(), i);
                    if i % 50 == 0 {
                        // Long enough for the M to sleep.
                        thread::sleep(Duration::from_millis(3));
                    }
                }
                everything(200);
            })
        })
        .collect();
    thread::sleep(Duration::from_millis(20));
    if !no_more_threads_anywhere() {
        return ExitCode::from(SKIPPED);
    }
    (0..FOREIGN).for_each(|_| sender.send(()).unwrap());
    foreign.into_iter().for_each(|thread| thread.join().unwrap());
    ExitCode::SUCCESS
}

const FOREIGN: usize = 3;

/// Set by the main goroutine once it runs: how many foreign threads have ended, and that all have.
static OUTSIDE: OnceLock<(Counter, Event)> = OnceLock::new();

#[gort::main]
async fn run_among_foreign() {
    let (_, all_ended) = OUTSIDE.get_or_init(Default::default);
    all_ended.clone().await;
}

/// One M, no sysmon, and work that comes from outside while that M sleeps in the poller.
fn alone_among_foreign() -> ExitCode {
    for _ in 0..FOREIGN {
        thread::spawn(|| {
            let (ended, all_ended) = loop {
                // Without gort, which it would boot.
                thread::sleep(Duration::from_millis(1));
                if let Some(outside) = OUTSIDE.get() {
                    break outside;
                }
            };
            for i in 0..200 {
                assert_eq!(gort::go(move || i).wait().unwrap(), i);
                assert_eq!(gort::spawn(async move { i }).wait().unwrap(), i);
                if i % 20 == 0 {
                    // Long enough for the M to sleep.
                    thread::sleep(Duration::from_millis(2));
                }
            }
            everything(100);
            if ended.add() == FOREIGN {
                all_ended.set();
            }
        });
    }
    if !no_more_threads_anywhere() {
        return ExitCode::from(SKIPPED);
    }
    run_among_foreign()
}

fn the_threads_there_are_go_on() {
    assert_warned_once("alone_among_foreign");
    assert_warned_once("few");
}

/// Waits on the thread itself, since it unwinds.
fn blocks(wait: impl FnOnce()) {
    let mut wait = Some(wait);
    let _waits = OnDrop(move || wait.take().unwrap()());
    std::panic::resume_unwind(Box::new(()));
}

/// Every thread that there is blocks, for what only a timer or the network can end.
fn everybody_blocks() {
    let listener = TcpListener::bind("127.0.0.1:0").wait().unwrap();
    let address = listener.local_addr().unwrap();
    let all: Vec<_> = (0..20)
        .map(|i| match i % 4 {
            0 => gort::go(|| blocks(|| sleep(Duration::from_millis(3)).wait())),
            1 => gort::spawn(async { blocks(|| sleep(Duration::from_millis(3)).wait()) }),
            2 => gort::go(|| {
                blocks(|| {
                    let timeout = gort::time::timeout(Duration::from_millis(3), std::future::pending::<()>());
                    timeout.wait().unwrap_err();
                })
            }),
            _ => gort::go(move || {
                let client = std::net::TcpStream::connect(address).unwrap();
                blocks(move || {
                    let mut stream = TcpStream::from_std(client).unwrap();
                    assert_eq!(stream.read(&mut [0; 8]).unwrap(), 1);
                });
            }),
        })
        .collect();
    // Answers from outside.
    let answers = (0..5).map(|_| listener.accept().wait().unwrap().0);
    for stream in answers {
        (&stream).write_all(b"x").unwrap();
    }
    for one in all {
        assert!(one.wait().unwrap_err().is_panic());
    }
}

fn few_and_blocked() -> ExitCode {
    gort::go(|| {}).wait().unwrap();
    if !no_more_threads_anywhere() {
        return ExitCode::from(SKIPPED);
    }
    everybody_blocks();
    ExitCode::SUCCESS
}

#[gort::main]
fn run_blocked() {
    let tasks: Vec<_> = (0..10)
        .map(|i| {
            let wait = move || sleep(Duration::from_millis(i % 4)).wait();
            if i % 2 == 0 {
                gort::go(move || blocks(wait))
            } else {
                gort::spawn(async move { blocks(wait) })
            }
        })
        .collect();
    for one in tasks {
        assert!(one.wait().unwrap_err().is_panic());
    }
}

fn alone_and_blocked() -> ExitCode {
    if !no_more_threads() {
        return ExitCode::from(SKIPPED);
    }
    run_blocked()
}

fn blocked_threads_see_to_timers_and_network() {
    assert_warned_once("few_and_blocked");
    assert_warned_once("alone_and_blocked");
}

static LIMITED: OnceLock<(Event, Event)> = OnceLock::new();

#[gort::main]
async fn run_until_there_are_threads() {
    let (limited, free) = LIMITED.get().unwrap().clone();
    everything(100);
    limited.set();
    free.await;
}

/// The limit binds the first thread only: another one, when it hands work in, can make the Ms.
fn later_there_are_threads() -> ExitCode {
    const AT_ONCE: usize = 3;
    let (limited, free) = (Event::new(), Event::new());
    let (is_limited, set_free) = (limited.clone(), free.clone());
    thread::spawn(move || {
        // Without gort, which it would boot.
        while !is_limited.is_set() {
            thread::sleep(Duration::from_millis(1));
        }
        let running = Counter::new();
        // None of them ends before all have begun.
        let all: Vec<_> = (0..AT_ONCE)
            .map(|_| {
                let running = running.clone();
                gort::go(move || {
                    running.add();
                    while running.get() < AT_ONCE {
                        std::hint::spin_loop();
                    }
                })
            })
            .collect();
        // There is no sysmon to try again: only who hands work in does.
        while running.get() < AT_ONCE {
            gort::go(|| {});
            thread::sleep(Duration::from_millis(1));
        }
        all.into_iter().for_each(|one| one.wait().unwrap());
        set_free.set();
    });
    if !no_more_threads() {
        return ExitCode::from(SKIPPED);
    }
    LIMITED.set((limited, free)).ok().unwrap();
    run_until_there_are_threads()
}

fn it_tries_again() {
    assert_warned_once("later_there_are_threads");
}

/// Jobs and calls from tasks, goroutines and jobs, each with the time to block.
fn blocking_everything(n: usize) {
    let done = Counter::new();
    let all: Vec<_> = (0..n)
        .map(|i| {
            let done = done.clone();
            let body = move || {
                let nap = Duration::from_micros(10 * (i % 20) as u64);
                let slept = gort::blocking(|| {
                    thread::sleep(nap);
                    i
                });
                let job = spawn_blocking(move || {
                    // More than a goroutine's stack has.
                    assert_ne!(support::recurse(2000), 1);
                    thread::sleep(nap);
                    sleep(nap).wait();
                    gort::blocking(|| slept)
                });
                assert_eq!(job.wait().unwrap(), i);
                done.add();
            };
            match i % 3 {
                0 => gort::go(body),
                1 => gort::spawn(async move { body() }),
                _ => gort::go(move || spawn_blocking(|| ()).wait().unwrap()),
            }
        })
        .collect();
    for one in all {
        one.wait().unwrap();
    }
    assert_eq!(done.get(), n - n / 3);
}

#[gort::main]
fn run_blocking_alone() {
    blocking_everything(300);
}

/// Neither a blocking thread nor another M.
fn blocking_alone() -> ExitCode {
    if !no_more_threads() {
        return ExitCode::from(SKIPPED);
    }
    run_blocking_alone()
}

/// Some Ms, and one blocking thread.
fn blocking_with_one() -> ExitCode {
    spawn_blocking(|| {}).wait().unwrap();
    if !no_more_threads_anywhere() {
        return ExitCode::from(SKIPPED);
    }
    blocking_everything(300);
    ExitCode::SUCCESS
}

fn what_blocks_makes_do() {
    assert_warned_once("blocking_alone");
    assert_warned_once("blocking_with_one");
}

/// The limit binds the main thread only. What it spawns waits behind a job that never ends, until sysmon makes a thread.
fn blocking_later() -> ExitCode {
    let (begun, ended) = (Event::new(), Event::new());
    let (begins, end) = (begun.clone(), ended.clone());
    let first = spawn_blocking(move || {
        begins.set();
        end.wait();
    });
    begun.wait();
    if !no_more_threads() {
        return ExitCode::from(SKIPPED);
    }
    let later = spawn_blocking(|| 7);
    assert_eq!(later.wait().unwrap(), 7);
    assert!(!first.is_finished());
    ended.set();
    first.wait().unwrap();
    ExitCode::SUCCESS
}

fn it_tries_again_for_what_blocks() {
    assert_warned_once("blocking_later");
}
