//! fork: a child that calls gort gets one clear line and no hang; the parent goes on. A child that does not call gort
//! does what it likes, and so does one forked before the runtime was up.

mod support;

use std::future::Future;
use std::io::{Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::pin::pin;
use std::process::{ExitCode, ExitStatus};
use std::task::{Context, Waker};
use std::time::Duration;

use gort::Wait;
use gort::net::TcpStream;
use gort::task::yield_now;
use gort::time::sleep;
use support::programs::{self, Named, named, program};

const PROGRAMS: &[Named<ExitCode>] = named![
    on_main,
    on_a_goroutine,
    on_a_task,
    on_a_foreign_thread,
    while_the_world_stops,
    with_a_socket,
    while_timers_come_and_go,
    before_the_boot
];

const TESTS: &[Named<()>] = named![
    a_child_that_calls_gort_aborts,
    a_child_that_does_not_call_gort_is_left_alone,
    a_child_whose_processor_is_gone_is_left_alone,
    what_a_child_drops_stays_the_parents,
    a_child_of_a_fork_before_the_boot_boots,
];

fn main() -> ExitCode {
    programs::main(PROGRAMS, TESTS)
}

/// What a child may do.
const CALLS: [&str; 20] = [
    "spawn",
    "go",
    "builder",
    "block_on",
    "wait",
    "sleep",
    "yield",
    "join",
    "return",
    "bind",
    "blocking",
    "spawn_blocking",
    "block_in_place",
    "dump",
    "metrics",
    "num_goroutines",
    "max_procs",
    "set_max_procs",
    "set_default_max_procs",
    "set_max_threads",
];

/// Forks; the child does what $CHILD says, and then exits with 3. Returns how the child ended.
fn fork() -> ExitStatus {
    let mut handle = gort::go(|| 1);
    let waiting = gort::spawn(async {
        std::future::pending::<()>().await;
    });
    // Done, so that its output is what is dropped.
    while !handle.is_finished() {
        yield_now().wait();
    }
    // SAFETY: the child calls what POSIX may not allow after fork with threads, which is the test.
    let child = unsafe { libc::fork() };
    if child == 0 {
        match &*std::env::var("CHILD").unwrap() {
            "spawn" => drop(gort::spawn(async {})),
            "go" => drop(gort::go(|| {})),
            "builder" => drop(gort::Builder::new().go(|| {})),
            "block_on" => gort::block_on(async {}),
            "wait" => async {}.wait(),
            "sleep" => sleep(Duration::from_millis(1)).wait(),
            "yield" => yield_now().wait(),
            "join" => drop((&mut handle).wait()),
            "bind" => drop(gort::net::TcpListener::bind("127.0.0.1:0").wait()),
            "blocking" => gort::blocking(|| {}),
            "spawn_blocking" => drop(gort::task::spawn_blocking(|| {})),
            "block_in_place" => gort::task::block_in_place(|| {}),
            "dump" => gort::runtime::dump(),
            "metrics" => drop(gort::runtime::metrics()),
            "num_goroutines" => _ = gort::runtime::num_goroutines(),
            "max_procs" => _ = gort::runtime::max_procs(),
            "set_max_procs" => _ = gort::runtime::set_max_procs(2),
            "set_default_max_procs" => gort::runtime::set_default_max_procs(),
            "set_max_threads" => _ = gort::runtime::set_max_threads(100),
            "return" => return ExitStatus::from_raw(0),
            "nothing" => {}
            "drop" => drop((handle, waiting)),
            "exit" => std::process::exit(3),
            call => panic!("{call}"),
        }
        // SAFETY: ends the child.
        unsafe { libc::_exit(3) };
    }
    assert!(child > 0);
    let mut status = 0;
    // SAFETY: waits for the child made above.
    assert_eq!(unsafe { libc::waitpid(child, &mut status, 0) }, child);
    // The parent goes on.
    assert_eq!(handle.wait().unwrap(), 1);
    for i in 0..100 {
        assert_eq!(gort::go(move || i).wait().unwrap(), i);
        assert_eq!(gort::spawn(async move { i }).wait().unwrap(), i);
    }
    sleep(Duration::from_millis(1)).wait();
    ExitStatus::from_raw(status)
}

/// The parent tells how the child ended.
fn tell(status: ExitStatus) -> ExitCode {
    if status.signal() == Some(libc::SIGABRT) {
        return ExitCode::from(1);
    }
    ExitCode::from(status.code().unwrap() as u8)
}

#[gort::main]
fn on_main() -> ExitCode {
    tell(fork())
}

#[gort::main]
async fn on_a_goroutine() -> ExitCode {
    tell(gort::go(fork).await.unwrap())
}

#[gort::main]
async fn on_a_task() -> ExitCode {
    tell(gort::spawn(async { fork() }).await.unwrap())
}

fn on_a_foreign_thread() -> ExitCode {
    tell(fork())
}

const PLACES: [&str; 4] = ["on_main", "on_a_goroutine", "on_a_task", "on_a_foreign_thread"];

fn a_child_that_calls_gort_aborts() {
    for place in PLACES {
        for call in CALLS {
            // Back on its scheduler, the child's thread would run the parent's goroutines.
            let calls = call != "return" || place == "on_a_goroutine" || place == "on_a_task";
            let left = program(place, &[("CHILD", call)]);
            assert_eq!(
                left.status.code(),
                Some(i32::from(calls)),
                "{place} {call}: {left:?}"
            );
            let line = "fatal error: gort was called in a child process after fork; exec first, or fork before the \
                        runtime is up\n";
            assert_eq!(left.err, if calls { line } else { "" }, "{place} {call}");
        }
    }
}

fn a_child_that_does_not_call_gort_is_left_alone() {
    for place in PLACES {
        for call in ["nothing", "exit", "drop"] {
            program(place, &[("CHILD", call)]).assert_quiet(3);
        }
    }
}

/// Forks again and again while others take processors away, under a lock that the child finds taken for ever.
#[gort::main(processors = 2)]
fn while_the_world_stops() -> ExitCode {
    for _ in 0..2 {
        std::thread::spawn(|| {
            loop {
                let _ = gort::runtime::set_max_procs(2);
            }
        });
    }
    for _ in 0..300 {
        let handle = gort::go(|| 1);
        let waiting = gort::spawn(std::future::pending::<()>());
        yield_now().wait();
        fork_to(|| drop((handle, waiting)));
    }
    ExitCode::from(5)
}

fn a_child_whose_processor_is_gone_is_left_alone() {
    program("while_the_world_stops", &[]).assert_quiet(5);
}

/// Forks a child that does `f`. Ends with it if it hangs, or does not end with 3.
fn fork_to(f: impl FnOnce()) {
    // SAFETY: the child calls what POSIX may not allow after fork with threads, which is the test.
    let child = unsafe { libc::fork() };
    if child == 0 {
        // SAFETY: if it hangs, the alarm ends it.
        unsafe { libc::alarm(5) };
        f();
        // SAFETY: ends the child.
        unsafe { libc::_exit(3) };
    }
    assert!(child > 0);
    let mut status = 0;
    // SAFETY: waits for the child made above.
    assert_eq!(unsafe { libc::waitpid(child, &mut status, 0) }, child);
    assert_eq!(ExitStatus::from_raw(status).code(), Some(3));
}

/// The child drops a socket, of which the parent goes on to wait for one half, and to write to the other.
#[gort::main]
fn with_a_socket() -> ExitCode {
    // SAFETY: if this hangs, the alarm ends it.
    unsafe { libc::alarm(20) };
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let stream = TcpStream::connect(listener.local_addr().unwrap()).wait().unwrap();
    let mut peer = listener.accept().unwrap().0;
    let mut halves = Some(stream.into_split());
    fork_to(|| drop(halves.take()));
    let (mut reads, mut writes) = halves.unwrap();
    let reader = gort::go(move || {
        let mut byte = [0];
        reads.read_exact(&mut byte).unwrap();
        byte[0]
    });
    // It waits: there has been nothing to read.
    sleep(Duration::from_millis(20)).wait();
    writes.write_all(&[7]).unwrap();
    let mut byte = [0];
    peer.read_exact(&mut byte).unwrap();
    peer.write_all(&byte).unwrap();
    ExitCode::from(reader.wait().unwrap())
}

/// The child drops a timer, whose lock it may find taken for ever.
#[gort::main(processors = 1)]
fn while_timers_come_and_go() -> ExitCode {
    for _ in 0..2 {
        std::thread::spawn(|| {
            let mut cx = Context::from_waker(Waker::noop());
            loop {
                let mut timer = pin!(sleep(Duration::from_secs(3600)));
                assert!(timer.as_mut().poll(&mut cx).is_pending());
            }
        });
    }
    let mut cx = Context::from_waker(Waker::noop());
    for _ in 0..300 {
        let mut timer = Box::pin(sleep(Duration::from_secs(3600)));
        assert!(timer.as_mut().poll(&mut cx).is_pending());
        fork_to(|| drop(timer));
    }
    ExitCode::from(5)
}

fn what_a_child_drops_stays_the_parents() {
    program("with_a_socket", &[]).assert_quiet(7);
    program("while_timers_come_and_go", &[]).assert_quiet(5);
}

/// Parent and child each boot their own runtime.
fn before_the_boot() -> ExitCode {
    // SAFETY: one thread.
    let child = unsafe { libc::fork() };
    assert_eq!(gort::go(|| 1).wait().unwrap(), 1);
    sleep(Duration::from_millis(1)).wait();
    if child == 0 {
        return ExitCode::from(4);
    }
    let mut status = 0;
    // SAFETY: waits for the child made above.
    assert_eq!(unsafe { libc::waitpid(child, &mut status, 0) }, child);
    tell(ExitStatus::from_raw(status))
}

fn a_child_of_a_fork_before_the_boot_boots() {
    program("before_the_boot", &[]).assert_quiet(4);
}
