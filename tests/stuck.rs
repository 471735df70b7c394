//! A thread that is stuck in user code while goroutines wait that live on it is reported, once, with both; nothing else is.

#![allow(
    clippy::print_stderr,
    reason = "the programs tell their parent what they are about to do"
)]
#![allow(clippy::print_stdout, reason = "figures belong to the tests' output")]

mod support;

use std::io::Read;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use gort::time::sleep;
use gort::{Builder, Wait, task};
use support::programs::{self, Named, Running, named, program};
use support::{Event, announced, watchdog};

const PROGRAMS: &[Named<ExitCode>] = named![
    guard,
    local_guard,
    channel,
    computes_twice,
    alone,
    stays_in_place,
    blocks_for_a_while,
    woken_from_outside,
    woken_by_itself,
];

const TESTS: &[Named<()>] = named![
    a_guard_over_a_wait,
    a_guard_of_a_local_task,
    a_channel_of_std,
    one_that_computes_is_reported_less_and_less,
    one_that_nobody_waits_for_is_not,
    block_in_place_is,
    while_every_processor_is_idle,
    switched_off,
    a_process_that_was_stopped_is_not,
];

fn main() -> ExitCode {
    programs::main(PROGRAMS, TESTS)
}

/// The first line of a report, and the last.
const BEGIN: &str = "gort: M";
const END: &str = "and wrap what blocks";
/// What a program says when it is about to be stuck.
const NOW: &str = "now";
/// Far longer than a report takes, on an idle machine (1.2 s) or on one that is very busy.
const SOON: Duration = Duration::from_secs(20);
/// In which a second report would come.
const LATER: Duration = Duration::from_millis(2500);

/// The report of a program that is stuck for ever: there is one, in time.
fn the_report(name: &str) -> String {
    let mut running = Running::start(name, &[]);
    running.says(NOW);
    let start = Instant::now();
    let report = running.says(END);
    let took = start.elapsed();
    println!("{name}: reported after {took:.1?}");
    assert!(took < SOON, "{took:?}");
    assert!(report.starts_with(BEGIN), "{report}");
    thread::sleep(LATER);
    assert_eq!(running.kill(), "");
    report
}

/// The part of a report that is about `who`.
#[track_caller]
fn entry<'a>(report: &'a str, head: &str, who: &str) -> &'a str {
    let head = format!("[{head}] {who:?}:\n");
    let mut parts = report.split("\n\n").filter(|part| part.contains(&head));
    let part = parts.next().unwrap_or_else(|| panic!("no {head}\n{report}"));
    assert!(parts.next().is_none(), "{report}");
    part
}

#[track_caller]
fn assert_places(entry: &str, places: &[&str]) {
    for place in places {
        assert!(
            entry.contains(&format!("\t{place} tests/stuck.rs:")),
            "{place}: {entry}"
        );
    }
}

fn say_now() {
    eprintln!("{NOW}");
}

/// A goroutine that waits while it has a guard.
#[gort::main(processors = 1)]
async fn guard() {
    let lock = Arc::new(Mutex::new(()));
    let holder = Builder::new().name("holder").go(move || {
        let _guard = lock.lock().unwrap();
        let theirs = lock.clone();
        let locker = Builder::new().name("locker").go(move || {
            sleep(Duration::from_millis(1)).wait();
            say_now();
            drop(theirs.lock().unwrap());
        });
        drop(locker);
        sleep(Duration::from_millis(50)).wait();
    });
    holder.unwrap().await.unwrap();
}

fn a_guard_over_a_wait() {
    let _watchdog = watchdog("a_guard_over_a_wait");
    let report = the_report("guard");
    assert!(report.contains(" it blocks "), "{report}");
    assert_places(
        entry(&report, "running", "locker"),
        &["last waited at", "created at"],
    );
    assert_places(entry(&report, "runnable", "holder"), &["waits at", "created at"]);
}

/// The same of tasks that never leave their thread, beside another processor.
#[gort::main(processors = 2)]
async fn local_guard() {
    let lock = Arc::new(Mutex::new(()));
    let theirs = lock.clone();
    let locked = Event::new();
    let has_locked = locked.clone();
    drop(task::spawn_local(async move {
        let guard = theirs.lock().unwrap();
        has_locked.set();
        sleep(Duration::from_millis(50)).wait();
        drop(guard);
    }));
    locked.await;
    say_now();
    drop(lock.lock().unwrap());
}

fn a_guard_of_a_local_task() {
    let _watchdog = watchdog("a_guard_of_a_local_task");
    let report = the_report("local_guard");
    assert!(
        report.contains("task ") && report.contains("[runnable]:\n\twaits at tests/stuck.rs:"),
        "{report}"
    );
}

/// A goroutine that waits in a channel of std for another.
#[gort::main(processors = 1)]
async fn channel() {
    let (sender, receiver) = mpsc::channel();
    let started = Event::new();
    let lives_here = started.clone();
    let sends = Builder::new().name("sender").go(move || {
        started.set();
        sleep(Duration::from_millis(50)).wait();
        sender.send(1).unwrap();
    });
    let receives = Builder::new().name("receiver").go(move || {
        lives_here.wait();
        say_now();
        receiver.recv().unwrap()
    });
    drop(sends);
    assert_eq!(receives.unwrap().await.unwrap(), 1);
}

fn a_channel_of_std() {
    let _watchdog = watchdog("a_channel_of_std");
    let report = the_report("channel");
    assert_places(
        entry(&report, "running", "receiver"),
        &["last waited at", "created at"],
    );
    assert_places(entry(&report, "runnable", "sender"), &["waits at", "created at"]);
}

fn burn(time: Duration) {
    let start = Instant::now();
    while start.elapsed() < time {}
}

/// Twice for a second and a half.
#[gort::main(processors = 1)]
async fn computes_twice() {
    for _ in 0..2 {
        let burner = Builder::new()
            .name("burner")
            .go(|| burn(Duration::from_millis(1500)));
        let burner = burner.unwrap();
        // Runnable all the while.
        task::yield_now().wait();
        burner.await.unwrap();
    }
}

fn one_that_computes_is_reported_less_and_less() {
    let _watchdog = watchdog("one_that_computes_is_reported_less_and_less");
    let left = program("computes_twice", &[]);
    left.assert_success();
    assert_eq!(left.lines(BEGIN).len(), 1, "{left:?}");
    assert!(left.err.contains(" it computes "), "{left:?}");
    entry(&left.err, "running", "burner");
}

/// What blocks and what computes while nobody waits for it, or only what can run elsewhere.
#[gort::main(processors = 2)]
async fn alone() {
    let ticks = gort::spawn(async {
        for _ in 0..100 {
            sleep(Duration::from_millis(10)).await;
        }
    });
    thread::sleep(Duration::from_millis(1500));
    burn(Duration::from_millis(1500));
    ticks.await.unwrap();
}

fn one_that_nobody_waits_for_is_not() {
    let _watchdog = watchdog("one_that_nobody_waits_for_is_not");
    program("alone", &[]).assert_quiet(0);
}

/// It said that it would block, but its siblings wait all the same.
#[gort::main(processors = 1)]
async fn stays_in_place() {
    let started = Event::new();
    let lives_here = started.clone();
    drop(Builder::new().name("sibling").go(move || {
        started.set();
        loop {
            task::yield_now().wait();
        }
    }));
    let blocker = Builder::new().name("blocker").go(move || {
        lives_here.wait();
        task::block_in_place(|| thread::sleep(Duration::from_millis(1500)));
    });
    blocker.unwrap().await.unwrap();
}

fn block_in_place_is() {
    let _watchdog = watchdog("block_in_place_is");
    let left = program("stays_in_place", &[]);
    left.assert_success();
    assert_eq!(left.lines(BEGIN).len(), 1, "{left:?}");
    entry(&left.err, "running", "blocker");
    entry(&left.err, "runnable", "sibling");
}

/// For half a second.
#[gort::main(processors = 1)]
async fn blocks_for_a_while() {
    let sibling = Event::new();
    let lives_here = sibling.clone();
    drop(task::spawn_local(async move {
        lives_here.set();
        loop {
            task::yield_now().wait();
        }
    }));
    sibling.await;
    say_now();
    thread::sleep(Duration::from_millis(500));
}

/// The time that a process is stopped does not count.
fn a_process_that_was_stopped_is_not() {
    let _watchdog = watchdog("a_process_that_was_stopped_is_not");
    let mut running = Running::start("blocks_for_a_while", &[]);
    running.says(NOW);
    let signal = |signal| {
        // SAFETY: the child is ours, and has not been waited for.
        assert_eq!(unsafe { libc::kill(running.id() as libc::pid_t, signal) }, 0);
    };
    thread::sleep(Duration::from_millis(200));
    signal(libc::SIGSTOP);
    thread::sleep(LATER);
    signal(libc::SIGCONT);
    assert_eq!(running.rest(), "");
}

fn switched_off() {
    let _watchdog = watchdog("switched_off");
    program("stays_in_place", &[("GORTDEBUG", "stuck=0")]).assert_quiet(0);
}

/// A goroutine that waits for the first of these in vain is the sibling of one that blocks until the byte on stdin is
/// there, and then does `then`, for ever.
fn idle_until_told(then: impl FnOnce(Event) + Send + 'static) {
    let (event, waits) = (Event::new(), Event::new());
    let (theirs, waiting) = (event.clone(), waits.clone());
    drop(
        Builder::new()
            .name("sibling")
            .go(move || announced(theirs, waiting).wait()),
    );
    let blocker = Builder::new().name("blocker").go(move || {
        waits.wait();
        task::yield_now().wait();
        say_now();
        then(event);
    });
    blocker.unwrap().wait().unwrap();
}

fn wait_for_a_byte() {
    let mut byte = [0];
    std::io::stdin().read_exact(&mut byte).unwrap();
}

#[gort::main(processors = 1)]
async fn woken_from_outside() {
    idle_until_told(|event| {
        let foreign = thread::spawn(move || {
            wait_for_a_byte();
            event.set();
            thread::park();
        });
        foreign.join().unwrap();
    });
}

#[gort::main(processors = 1)]
async fn woken_by_itself() {
    idle_until_told(|event| {
        wait_for_a_byte();
        event.set();
        loop {
            thread::park();
        }
    });
}

/// sysmon sleeps: it is woken for it.
fn while_every_processor_is_idle() {
    let _watchdog = watchdog("while_every_processor_is_idle");
    for name in ["woken_from_outside", "woken_by_itself"] {
        let mut running = Running::start(name, &[]);
        running.says(NOW);
        let sysmon = || {
            let mut all = support::proc::switches(running.id()).into_iter();
            all.find(|thread| thread.name == "gort-sysmon")
                .map(|sysmon| sysmon.count)
        };
        support::proc::steady(sysmon);
        running.tell();
        let report = running.says(END);
        entry(&report, "running", "blocker");
        entry(&report, "runnable", "sibling");
        assert_eq!(running.kill(), "");
    }
}
