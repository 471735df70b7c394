//! Dumps: each goroutine and task is there, with what it does, why and where it waits and where it was made; from
//! `dump`, from SIGQUIT and from a fatal error; while a hundred thousand come and go.

#![allow(clippy::print_stdout, reason = "figures belong to the tests' output")]

mod support;

use std::collections::HashSet;
use std::future::poll_fn;
use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::process::ExitStatusExt;
use std::panic::catch_unwind;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, mpsc};
use std::task::{Poll, Wake, Waker};
use std::time::{Duration, Instant};

use gort::io::AsyncReadExt;
use gort::net::{TcpListener, TcpStream};
use gort::time::{sleep, timeout};
use gort::{Builder, JoinHandle, Wait};
use support::programs::{self, Left, Named, named, program};
use support::{Event, Latch, announced, until, watchdog};

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
    a_hundred_thousand,
];

const TESTS: &[Named<()>] = named![
    reasons_of_goroutines,
    reasons_of_tasks,
    a_blocking_job,
    what_is_said_of_one,
    backtraces,
    a_backtrace_takes_no_room,
    a_wait_inside_a_poll_keeps_its_reason_to_itself,
    running,
    anyone_may_dump,
    to_one_that_panics,
    sigquit,
    sigquit_is_the_programs_own,
    fatal_errors,
    while_they_come_and_go,
];

fn main() -> ExitCode {
    programs::main(PROGRAMS, TESTS)
}

const FOR_EVER: Duration = Duration::from_secs(3600);

fn dump() -> String {
    let mut text = Vec::new();
    gort::runtime::dump_to(&mut text).unwrap();
    String::from_utf8(text).unwrap()
}

/// The entry of the one G of this name.
fn entry<'a>(dump: &'a str, name: &str) -> Option<&'a str> {
    let end = format!("] {name:?}:");
    let mut entries = dump
        .split("\n\n")
        .filter(|entry| entry.lines().next().unwrap().ends_with(&end));
    let entry = entries.next();
    assert!(entries.next().is_none(), "{name} is there twice\n{dump}");
    entry
}

/// What stands between its brackets.
fn state(entry: &str) -> &str {
    let line = entry.lines().next().unwrap();
    let (from, to) = (line.find('[').unwrap() + 1, line.find(']').unwrap());
    &line[from..to]
}

/// Waits until the G of this name is shown in this state, with or without the time that it lasts.
#[track_caller]
fn comes_to(name: &str, expected: &str) {
    /// Far longer than it takes.
    const LIMIT: Duration = Duration::from_secs(10);
    let begun = Instant::now();
    loop {
        let dump = dump();
        let state = entry(&dump, name).map(state);
        let rest = state.and_then(|state| state.strip_prefix(expected));
        if rest.is_some_and(|rest| rest.is_empty() || (rest.starts_with(", ") && !rest.contains("base"))) {
            return;
        }
        assert!(
            begun.elapsed() < LIMIT,
            "{name}: not {expected} but {state:?}\n{dump}"
        );
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn goroutine(name: &str, body: impl FnOnce() + Send + 'static) {
    drop(Builder::new().name(name).go(body).unwrap());
}

fn task(name: &str, body: impl Future<Output = ()> + Send + 'static) {
    drop(Builder::new().name(name).spawn(body));
}

/// Two ends of a connection. Neither is ever closed.
fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").wait().unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).wait().unwrap();
    let server = listener.accept().wait().unwrap().0;
    std::mem::forget(client.try_clone().unwrap());
    std::mem::forget(server.try_clone().unwrap());
    (client, server)
}

/// An address that answers no more: its queue of connections is full.
fn full() -> std::net::SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    // SAFETY: a listening socket; its backlog is changed.
    assert_eq!(unsafe { libc::listen(listener.as_raw_fd(), 0) }, 0);
    let addr = listener.local_addr().unwrap();
    std::mem::forget(std::net::TcpStream::connect(addr).unwrap());
    std::mem::forget(listener);
    addr
}

/// It keeps its waker: a task that nobody can wake any more is dropped.
fn for_ever() -> Event {
    Event::new()
}

fn a_goroutine_that_waits() -> JoinHandle<()> {
    gort::go(|| for_ever().wait())
}

fn reasons_of_goroutines() {
    goroutine("std read", || _ = Read::read(&mut pair().0, &mut [0]));
    goroutine("std write", || _ = pair().0.write_all(&vec![0; 64 << 20]));
    goroutine("incoming", || {
        let listener = TcpListener::bind("127.0.0.1:0").wait().unwrap();
        let _ = listener.incoming().next();
    });
    goroutine("read_exact", || {
        _ = AsyncReadExt::read_exact(&mut pair().0, &mut [0; 9]).wait()
    });
    goroutine("accept", || {
        let listener = TcpListener::bind("127.0.0.1:0").wait().unwrap();
        let _ = listener.accept().wait();
    });
    let addr = full();
    goroutine("connect", move || _ = TcpStream::connect(addr).wait());
    goroutine("sleep", || sleep(FOR_EVER).wait());
    goroutine("join", || _ = a_goroutine_that_waits().wait());
    goroutine("join by Wait", || _ = Wait::wait(a_goroutine_that_waits()));
    goroutine("timeout", || {
        _ = timeout(FOR_EVER, AsyncReadExt::read(&mut pair().0, &mut [0])).wait()
    });
    goroutine("blocking call", || {
        gort::blocking(|| std::thread::sleep(FOR_EVER))
    });
    goroutine("future", || for_ever().wait());
    comes_to("std read", "IO wait: read");
    comes_to("std write", "IO wait: write");
    comes_to("incoming", "IO wait: accept");
    comes_to("read_exact", "IO wait: read");
    comes_to("accept", "IO wait: accept");
    comes_to("connect", "IO wait: connect");
    comes_to("sleep", "sleep");
    comes_to("join", "join");
    comes_to("join by Wait", "join");
    comes_to("timeout", "IO wait: read");
    comes_to("blocking call", "blocking");
    comes_to("future", "waiting");
}

/// It has no name: it is known by its number.
fn a_blocking_job() {
    let (job, latch) = (Event::new(), Latch::new());
    let (begins, end) = (job.clone(), latch.clone());
    let handle = gort::task::spawn_blocking(move || {
        begins.set();
        end.pass();
    });
    job.wait();
    let shown = format!(
        "goroutine {} [blocking]:\n\tcreated at tests/dump.rs:",
        handle.id()
    );
    assert!(dump().contains(&shown), "{shown}");
    latch.open();
    handle.wait().unwrap();
    assert!(!dump().contains(&shown));
}

fn reasons_of_tasks() {
    let (mut reader, writer) = (pair().0, pair().0);
    task("task, read", async move {
        _ = AsyncReadExt::read_exact(&mut reader, &mut [0; 9]).await
    });
    task("task, write", async move {
        while writer.try_write(&[0; 1 << 16]).is_ok() || writer.writable().await.is_ok() {}
    });
    task("task, accept", async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let _ = listener.accept().await;
    });
    let addr = full();
    task("task, connect", async move { _ = TcpStream::connect(addr).await });
    task("task, sleep", async { sleep(FOR_EVER).await });
    task("task, join", async { _ = a_goroutine_that_waits().await });
    task("task, future", for_ever());
    task("task, mid-stack", async { sleep(FOR_EVER).wait() });
    comes_to("task, read", "IO wait: read, at base");
    comes_to("task, write", "IO wait: write, at base");
    comes_to("task, accept", "IO wait: accept, at base");
    comes_to("task, connect", "IO wait: connect, at base");
    comes_to("task, sleep", "sleep, at base");
    comes_to("task, join", "join, at base");
    comes_to("task, future", "waiting, at base");
    comes_to("task, mid-stack", "sleep");
}

/// This file and a line of it.
fn line(line: u32) -> String {
    format!("{}:{line}:", file!())
}

fn what_is_said_of_one() {
    const WAITS: u32 = line!() + 2;
    let handle = Builder::new().name("one \"of\" them").go(|| {
        for_ever().wait();
    });
    const CREATED: u32 = WAITS - 1;
    let id = handle.unwrap().id();
    comes_to("one \"of\" them", "waiting");
    // It has waited for long enough that it is shown.
    let long = || entry(&dump(), "one \"of\" them").is_some_and(|entry| state(entry).ends_with("ms"));
    until(long);
    let dump = dump();
    let entry = entry(&dump, "one \"of\" them").unwrap();
    let lines: Vec<&str> = entry.trim_end().lines().collect();
    assert!(
        lines[0].starts_with(&format!("goroutine {id} [waiting, ")),
        "{entry}"
    );
    let waits: Vec<_> = lines
        .iter()
        .filter(|line| line.starts_with("\twaits at "))
        .collect();
    assert_eq!(waits.len(), 1, "{entry}");
    assert!(waits[0].contains(&line(WAITS)), "{entry}");
    let last = lines.last().unwrap();
    assert!(
        last.starts_with("\tcreated at ") && last.contains(&line(CREATED)),
        "{entry}"
    );

    task("a task", for_ever());
    comes_to("a task", "waiting, at base");
    let dump = self::dump();
    let entry = self::entry(&dump, "a task").unwrap();
    assert!(entry.starts_with("task "), "{entry}");
    assert_eq!(entry.trim_end().lines().count(), 2, "{entry}");
    assert!(entry.contains("\tcreated at tests/dump.rs:"), "{entry}");
    // In the order of their numbers, and the runtime's own are not among them.
    let ids: Vec<u64> = dump
        .lines()
        .filter(|line| line.starts_with("goroutine ") || line.starts_with("task "))
        .map(|line| line.split(' ').nth(1).unwrap().parse().unwrap())
        .collect();
    assert!(ids.is_sorted() && !ids.contains(&1), "{ids:?}");
    assert!(!dump.contains("runtime-core/src"), "{dump}");
}

#[inline(never)]
fn innermost() -> u32 {
    for_ever().wait();
    std::hint::black_box(1)
}

#[inline(never)]
fn between() -> u32 {
    innermost() + std::hint::black_box(1)
}

#[inline(never)]
fn deep(levels: u32) -> u32 {
    let below = if levels == 0 {
        innermost()
    } else {
        deep(levels - 1)
    };
    below + std::hint::black_box(1)
}

/// The functions that are named, the innermost first.
fn functions(entry: &str) -> Vec<&str> {
    let lines = entry.trim_end().lines().skip(1);
    lines.filter(|line| !line.starts_with('\t')).collect()
}

/// Through code of its own and std's, with no frame of the runtime's at either end.
fn backtraces() {
    goroutine("calls", || _ = between());
    goroutine("sorts", || [2, 1].sort_by_key(|_| between()));
    task("polls", async { _ = between() });
    goroutine("is deep", || _ = deep(200));
    for name in ["calls", "sorts", "polls", "is deep"] {
        comes_to(name, "waiting");
    }
    let dump = dump();
    let of = |name| functions(entry(&dump, name).unwrap());
    for name in ["calls", "sorts", "polls"] {
        assert_eq!(of(name)[..2], ["dump::innermost", "dump::between"], "{dump}");
        assert!(
            !of(name).iter().any(|function| function.contains("gort_")),
            "{dump}"
        );
    }
    // With debug information, and nothing inlined.
    if cfg!(debug_assertions) {
        assert!(
            of("sorts")
                .iter()
                .any(|function| function.contains("slice::sort")),
            "{dump}"
        );
        let here = format!(
            "dump::innermost\n\t{}",
            std::env::current_dir().unwrap().display()
        );
        assert!(entry(&dump, "calls").unwrap().contains(&here), "{dump}");
        assert!(
            of("calls").last().unwrap().starts_with("dump::backtraces::"),
            "{dump}"
        );
        assert!(
            of("polls").last().unwrap().starts_with("dump::backtraces::"),
            "{dump}"
        );
    }
    let deep = of("is deep");
    assert_eq!(deep.last(), Some(&"...more frames"), "{dump}");
    assert!((90..110).contains(&deep.len()), "{dump}");
}

/// A goroutine that waits next to its guard is shown as any other.
fn a_backtrace_takes_no_room() {
    /// Of a stack of 32 KiB, of which half is guard.
    const USED: usize = 11 << 10;
    #[inline(never)]
    fn down(from: usize) -> u32 {
        let here = std::hint::black_box(0_u8);
        if from - (&raw const here).addr() < USED {
            down(from) + std::hint::black_box(1)
        } else {
            innermost()
        }
    }
    let body = || {
        let here = 0_u8;
        down((&raw const here).addr())
    };
    drop(Builder::new().name("has no room").stack_size(1).go(body).unwrap());
    comes_to("has no room", "waiting");
    let dump = dump();
    let functions = functions(entry(&dump, "has no room").unwrap());
    let down = functions
        .iter()
        .filter(|function| function.ends_with("::down"))
        .count();
    assert!(functions[0] == "dump::innermost" && down > 10, "{dump}");
}

fn a_wait_inside_a_poll_keeps_its_reason_to_itself() {
    let waits = |name: &'static str| {
        let mut slept = false;
        poll_fn(move |cx| {
            std::mem::forget(cx.waker().clone());
            if !slept {
                sleep(Duration::from_millis(1)).wait();
                slept = true;
                // Polled once more, for good.
                comes_to(name, "running");
            }
            Poll::<()>::Pending
        })
    };
    goroutine("outer wait", move || waits("outer wait").wait());
    task("outer poll", waits("outer poll"));
    comes_to("outer wait", "waiting");
    comes_to("outer poll", "waiting, at base");
}

fn running() {
    let stop = Arc::new(AtomicBool::new(false));
    let mut spinners = Vec::new();
    for i in 0..gort::runtime::max_procs() {
        let stop = stop.clone();
        let body = async move { while !stop.load(SeqCst) {} };
        spinners.push(Builder::new().name(format!("spins {i}")).spawn(body));
    }
    let there = |dump: &str, i| entry(dump, &format!("spins {i}")).map(|e| state(e).to_owned());
    let _watchdog = watchdog("running");
    // This thread is foreign: it goes on while all Ms are busy.
    loop {
        let dump = dump();
        if (0..spinners.len()).all(|i| there(&dump, i).as_deref() == Some("running")) {
            break;
        }
    }
    stop.store(true, SeqCst);
    for spinner in spinners {
        spinner.wait().unwrap();
    }
    assert_eq!(there(&dump(), 0), None);
}

/// From a goroutine with the smallest stack, from a task, in a poll, from several threads at once.
fn anyone_may_dump() {
    let small = Builder::new().stack_size(1).go(dump).unwrap();
    assert!(small.wait().unwrap().contains("[running]"));
    let in_task = Builder::new().name("dumps").spawn(async { dump() });
    assert!(entry(&in_task.wait().unwrap(), "dumps").is_some());
    let all: Vec<_> = (0..4)
        .map(|_| std::thread::spawn(dump))
        .map(|thread| thread.join().unwrap())
        .chain(
            (0..4)
                .map(|_| gort::go(dump))
                .collect::<Vec<_>>()
                .into_iter()
                .map(|g| g.wait().unwrap()),
        )
        .collect();
    assert_eq!(all.len(), 8);
    // An error of the writer's ends it.
    let mut full = [0_u8; 10];
    assert!(gort::runtime::dump_to(&mut &mut full[..]).is_err());
}

/// A main goroutine, a named goroutine and a task that wait, then SIGQUIT to the process.
struct PanickingWriter;

impl Write for PanickingWriter {
    fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
        panic!("expected: who writes the dump down panics");
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// The panic reaches the caller; and its thread goes on to run others while it waits.
fn to_one_that_panics() {
    gort::go(|| {
        let dumped = catch_unwind(|| gort::runtime::dump_to(&mut PanickingWriter));
        assert!(dumped.is_err());
        let event = Event::new();
        let theirs = event.clone();
        // Only this thread runs it.
        let sibling = gort::task::spawn_local(async move { theirs.set() });
        event.wait();
        sibling.wait().unwrap();
    })
    .wait()
    .unwrap();
}

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

fn sigquit() {
    for name in ["quits", "quits_while_busy", "quits_from_sleep"] {
        let left = program(name, &[]);
        assert_eq!(left.status.code(), Some(2), "{left:?}");
        let dump = dump_after(&left, "SIGQUIT: quit");
        assert!(
            state(entry(dump, "waits").unwrap()).starts_with("waiting"),
            "{left:?}"
        );
        assert_eq!(
            state(entry(dump, "sleeps").unwrap()),
            "sleep, at base",
            "{left:?}"
        );
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
    let waits = Builder::new().name("waits").go(|| for_ever().wait());
    waits.unwrap().wait().unwrap();
}

fn fatal_errors() {
    let fatal = "fatal error: a waker panicked, and the runtime has nobody to hand the panic to";
    let left = program("throws", &[]);
    assert_eq!(left.status.signal(), Some(libc::SIGABRT), "{left:?}");
    let dump = dump_after(&left, fatal);
    assert!(
        state(entry(dump, "waits").unwrap()).starts_with("waiting"),
        "{left:?}"
    );
    assert_eq!(
        state(entry(dump, "sleeps").unwrap()),
        "sleep, at base",
        "{left:?}"
    );
    let main = entry(dump, "main").unwrap();
    assert!(state(main).starts_with("sleep"), "{left:?}");
    assert!(main.contains("\twaits at tests/dump.rs:"), "{left:?}");
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

const MANY: usize = 100_000;
/// Of these, as many have a stack.
const GOROUTINES: usize = 20_000;

/// So many wait, others begin and end, and all that wait are in every dump, once.
fn a_hundred_thousand() -> ExitCode {
    let _watchdog = watchdog("a_hundred_thousand");
    let came = Arc::new(AtomicUsize::new(0));
    let wait = |came: &Arc<AtomicUsize>| {
        let came = came.clone();
        poll_fn(move |cx| {
            std::mem::forget(cx.waker().clone());
            came.fetch_add(1, SeqCst);
            Poll::<()>::Pending
        })
    };
    let mut waiting = HashSet::new();
    for i in 0..MANY {
        let future = wait(&came);
        let handle = if i < GOROUTINES {
            gort::go(move || future.wait())
        } else {
            gort::spawn(future)
        };
        waiting.insert(handle.id().to_string());
        std::mem::forget(handle);
    }
    until(|| came.load(SeqCst) == MANY);
    let (stop, ended) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let (done, all_done) = mpsc::channel::<()>();
    let longest_pause = Arc::new(AtomicUsize::new(0));
    let pause = longest_pause.clone();
    for i in 0..4 {
        let (stop, ended, done) = (stop.clone(), ended.clone(), done.clone());
        gort::spawn(async move {
            while !stop.load(SeqCst) {
                if i % 2 == 0 {
                    gort::spawn(async { gort::task::yield_now().await })
                        .await
                        .unwrap();
                } else {
                    gort::go(|| gort::task::yield_now().wait()).await.unwrap();
                }
                ended.fetch_add(1, SeqCst);
            }
            drop(done);
        });
    }
    drop(done);
    let stop_pausing = stop.clone();
    gort::spawn(async move {
        let mut last = Instant::now();
        while !stop_pausing.load(SeqCst) {
            gort::task::yield_now().await;
            let now = Instant::now();
            pause.fetch_max((now - last).as_micros() as usize, SeqCst);
            last = now;
        }
    });
    for _ in 0..5 {
        longest_pause.store(0, SeqCst);
        let before = ended.load(SeqCst);
        let begun = Instant::now();
        let dump = dump();
        let took = begun.elapsed();
        println!(
            "{} bytes in {took:.1?}, while {} ended and one that yields waited at most {} us for its turn",
            dump.len(),
            ended.load(SeqCst) - before,
            longest_pause.load(SeqCst),
        );
        let mut seen = HashSet::new();
        for line in dump
            .lines()
            .filter(|line| !line.starts_with('\t') && line.ends_with(':'))
        {
            let id = line.split(' ').nth(1).unwrap();
            if waiting.contains(id) {
                assert!(line.contains("[waiting"), "{line}");
            }
            assert!(seen.insert(id.to_owned()), "twice: {line}");
        }
        assert!(waiting.is_subset(&seen));
    }
    stop.store(true, SeqCst);
    assert!(all_done.recv().is_err());
    ExitCode::SUCCESS
}

fn while_they_come_and_go() {
    for procs in ["1", "4"] {
        let left = program("a_hundred_thousand", &[("GOMAXPROCS", procs)]);
        left.assert_success();
        print!("{}", left.out);
    }
}
