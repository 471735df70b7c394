//! The end of a process shows all goroutines: by SIGQUIT, by a fatal error, by a deadlock.

mod support;

use std::os::unix::process::ExitStatusExt;
use std::process::ExitCode;
use std::sync::Arc;
use std::task::{Wake, Waker};
use std::time::Duration;

use gort::time::sleep;
use gort::{Builder, Wait};
use support::dumps::{comes_to, entry, goroutine, state, task};
use support::programs::{self, Left, Named, named, program};
use support::{Event, announced};

const PROGRAMS: &[Named<ExitCode>] = named![
    quits,
    quits_while_busy,
    quits_from_sleep,
    ignores_quit,
    handles_quit,
    quits_in_library_mode,
    throws,
    throws_in_many_places,
    deadlocks,
];

const TESTS: &[Named<()>] = named![sigquit, sigquit_is_the_programs_own, fatal_errors];

fn main() -> ExitCode {
    programs::main(PROGRAMS, TESTS)
}

const FOR_EVER: Duration = Duration::from_secs(3600);

/// A main goroutine, a named goroutine and a task that wait, then SIGQUIT to the process.
fn quit(meanwhile: impl FnOnce()) {
    let polled = Event::new();
    goroutine("waits", {
        let polled = polled.clone();
        move || announced(Event::new(), polled).wait()
    });
    task("sleeps", async { sleep(FOR_EVER).await });
    polled.wait();
    comes_to("sleeps", "sleep, at base");
    meanwhile();
    // SAFETY: to ourselves.
    unsafe { libc::kill(libc::getpid(), libc::SIGQUIT) };
    sleep(FOR_EVER).wait();
}

#[gort::main]
fn quits() {
    quit(|| {});
}

/// Nobody is in the runtime to hear of it.
#[gort::main]
fn quits_while_busy() {
    quit(|| {
        for _ in 0..8 {
            gort::go(|| {
                loop {
                    std::hint::spin_loop();
                }
            });
        }
    });
}

/// sysmon sleeps deeply.
#[gort::main]
fn quits_from_sleep() {
    quit(|| sleep(Duration::from_millis(300)).wait());
}

fn set_disposition(to: libc::sighandler_t) {
    // SAFETY: a handler that only exits, or SIG_IGN.
    unsafe { libc::signal(libc::SIGQUIT, to) };
}

/// The exit status of a program that was not ended by SIGQUIT.
const SURVIVED: i32 = 3;
/// That of one whose own handler was called.
const HANDLED: i32 = 42;

fn ignores_quit() -> ExitCode {
    #[gort::main]
    fn program() {
        // SAFETY: to this thread, before the call returns.
        unsafe { libc::raise(libc::SIGQUIT) };
        std::process::exit(SURVIVED);
    }
    set_disposition(libc::SIG_IGN);
    program();
    ExitCode::FAILURE
}

fn handles_quit() -> ExitCode {
    extern "C" fn handler(_: libc::c_int) {
        // SAFETY: ends the process.
        unsafe { libc::_exit(HANDLED) };
    }
    let handler: extern "C" fn(libc::c_int) = handler;
    set_disposition(handler as libc::sighandler_t);
    quits();
    ExitCode::FAILURE
}

fn quits_in_library_mode() -> ExitCode {
    gort::go(|| {}).wait().unwrap();
    quit(|| {});
    ExitCode::FAILURE
}

/// The dump behind `first` on stderr.
#[track_caller]
fn dump_after<'a>(left: &'a Left, first: &str) -> &'a str {
    let (line, dump) = left.err.split_once("\n\n").unwrap_or_else(|| panic!("{left:?}"));
    assert_eq!(line, first, "{left:?}");
    dump
}

/// The goroutine and the task that such a program has.
#[track_caller]
fn assert_both_wait(dump: &str) {
    assert!(
        state(entry(dump, "waits").unwrap()).starts_with("waiting"),
        "{dump}"
    );
    assert_eq!(state(entry(dump, "sleeps").unwrap()), "sleep, at base", "{dump}");
}

fn sigquit() {
    for name in ["quits", "quits_while_busy", "quits_from_sleep"] {
        let left = program(name, &[]);
        assert_eq!(left.status.code(), Some(2), "{left:?}");
        let dump = dump_after(&left, "SIGQUIT: quit");
        assert_both_wait(dump);
        assert!(entry(dump, "main").is_some(), "{left:?}");
    }
}

fn sigquit_is_the_programs_own() {
    program("ignores_quit", &[]).assert_quiet(SURVIVED);
    program("handles_quit", &[]).assert_quiet(HANDLED);
    let left = program("quits_in_library_mode", &[]);
    assert_eq!(
        (left.status.signal(), &*left.err),
        (Some(libc::SIGQUIT), ""),
        "{left:?}"
    );
}

/// A waker that panics, where there is nobody to hand the panic to.
struct Panics;

impl Wake for Panics {
    fn wake(self: Arc<Self>) {
        std::panic::resume_unwind(Box::new(()));
    }
}

/// Has the end of a goroutine wake it.
fn throw() {
    let mut handle = gort::go(|| sleep(Duration::from_millis(20)).wait());
    let waker = Waker::from(Arc::new(Panics));
    let mut cx = std::task::Context::from_waker(&waker);
    assert!(std::pin::Pin::new(&mut handle).poll(&mut cx).is_pending());
    std::mem::forget(handle);
}

#[gort::main]
fn throws() {
    let polled = Event::new();
    goroutine("waits", {
        let polled = polled.clone();
        move || announced(Event::new(), polled).wait()
    });
    task("sleeps", async { sleep(FOR_EVER).await });
    polled.wait();
    throw();
    sleep(FOR_EVER).wait();
}

#[gort::main]
fn throws_in_many_places() {
    for _ in 0..20 {
        gort::go(throw);
    }
    // They come and go while it is printed.
    loop {
        gort::go(|| gort::spawn(async {}).wait()).wait().unwrap().unwrap();
    }
}

#[gort::main]
fn deadlocks() {
    let waits = Builder::new().name("waits").go(|| Event::new().wait());
    waits.unwrap().wait().unwrap();
}

fn fatal_errors() {
    let fatal = "fatal error: a waker panicked, and the runtime has nobody to hand the panic to";
    let left = program("throws", &[]);
    assert_eq!(left.status.signal(), Some(libc::SIGABRT), "{left:?}");
    let dump = dump_after(&left, fatal);
    assert_both_wait(dump);
    let main = entry(dump, "main").unwrap();
    assert!(state(main).starts_with("sleep"), "{left:?}");
    assert!(main.contains("\twaits at tests/dump_fatal.rs:"), "{left:?}");
    let left = program("deadlocks", &[]);
    assert_eq!(left.status.code(), Some(2), "{left:?}");
    let dump = dump_after(&left, "fatal error: all goroutines are asleep - deadlock!");
    assert!(
        state(entry(dump, "main").unwrap()).starts_with("join"),
        "{left:?}"
    );
    assert!(
        state(entry(dump, "waits").unwrap()).starts_with("waiting"),
        "{left:?}"
    );
    for _ in 0..10 {
        let left = program("throws_in_many_places", &[]);
        assert_eq!(left.status.signal(), Some(libc::SIGABRT), "{left:?}");
        let dump = dump_after(&left, fatal);
        assert!(entry(dump, "main").is_some(), "{left:?}");
        assert_eq!(left.lines("fatal error: ").len(), 1, "{left:?}");
    }
}
