//! `GORTDEBUG=schedtrace`: what the scheduler does, in Go's words, in whole lines and at the time that was asked for.

mod support;

use std::collections::HashMap;
use std::future;
use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use gort::time::sleep;
use gort::{Wait, task};
use support::programs::{self, Named, Running, named, program};
use support::{Event, announced, watchdog};

const PROGRAMS: &[Named<ExitCode>] = named![sleeps, burns, talks, has_some_of_each, has_ten_thousand];

const TESTS: &[Named<()>] = named![
    an_idle_program,
    a_busy_program,
    in_detail,
    lines_are_whole,
    in_detail_with_many,
    off,
];

fn main() -> ExitCode {
    programs::main(PROGRAMS, TESTS)
}

/// The value behind each word of a line.
fn words(line: &str) -> HashMap<&str, &str> {
    line.split_whitespace()
        .filter_map(|word| word.split_once('='))
        .collect()
}

fn number(words: &HashMap<&str, &str>, word: &str) -> u64 {
    let value = words.get(word).unwrap_or_else(|| panic!("no {word}: {words:?}"));
    value.parse().unwrap_or_else(|_| panic!("{word}={value}"))
}

/// When a line was printed, in milliseconds.
fn millis(line: &str) -> u64 {
    let rest = line.strip_prefix("SCHED ").unwrap_or_else(|| panic!("{line}"));
    let (millis, _) = rest.split_once("ms: ").unwrap_or_else(|| panic!("{line}"));
    millis.parse().unwrap()
}

/// Go's line, of a program with two processors. How many are queued: anywhere, and at each P.
fn check(line: &str) -> (u64, Vec<u64>) {
    millis(line);
    let words = words(line);
    assert_eq!(number(&words, "gomaxprocs"), 2, "{line}");
    assert!(number(&words, "idleprocs") <= 2, "{line}");
    // m0 and sysmon.
    assert!(number(&words, "threads") >= 2, "{line}");
    assert!(number(&words, "spinningthreads") <= 2, "{line}");
    assert!(number(&words, "needspinning") <= 1, "{line}");
    assert!(
        number(&words, "idlethreads") < number(&words, "threads"),
        "{line}"
    );
    let (_, queues) = line.split_once('[').unwrap();
    let queues = queues.strip_suffix(']').unwrap().split(' ');
    let queues: Vec<_> = queues.map(|n| n.parse().unwrap()).collect();
    assert_eq!(queues.len(), 2, "{line}");
    (number(&words, "runqueue"), queues)
}

/// A program that is traced until its test has seen enough, however seldom sysmon gets a processor.
fn traced(name: &str, how: &str) -> Running {
    Running::start(name, &[("GORTDEBUG", how)])
}

/// One line more that it says.
fn line(running: &mut Running) -> String {
    running.says("").trim_end().to_owned()
}

#[gort::main(processors = 2)]
async fn sleeps() {
    sleep(Duration::from_secs(3600)).await;
}

/// sysmon would sleep.
fn an_idle_program() {
    let _watchdog = watchdog("an_idle_program");
    let mut running = traced("sleeps", "schedtrace=100");
    let lines: Vec<_> = (0..5).map(|_| line(&mut running)).collect();
    lines.iter().for_each(|line| _ = check(line));
    // The first at once, the others when they are due or, on a loaded machine, later.
    let times: Vec<_> = lines.iter().map(|line| millis(line)).collect();
    assert!(times.windows(2).all(|two| two[1] >= two[0] + 90), "{times:?}");
}

/// Many compute, until somebody closes standard input or writes to it.
#[gort::main(processors = 2)]
async fn burns() {
    let stop = Arc::new(AtomicBool::new(false));
    for _ in 0..50 {
        let stop = stop.clone();
        gort::spawn(async move {
            while !stop.load(Relaxed) {
                let start = Instant::now();
                while start.elapsed() < Duration::from_millis(2) {}
                task::yield_now().await;
            }
        });
    }
    task::spawn_blocking(told).await.unwrap();
    stop.store(true, Relaxed);
}

/// Blocks its thread until then.
fn told() {
    std::io::stdin().read_line(&mut String::new()).unwrap();
}

fn a_busy_program() {
    let _watchdog = watchdog("a_busy_program");
    let mut running = traced("burns", "schedtrace=10");
    let (mut most, mut busy) = (0, 0);
    while most < 2 || busy < 3 {
        let line = line(&mut running);
        let (global, local) = check(&line);
        most = most.max(global + local[0] + local[1]);
        busy += u32::from(number(&words(&line), "idleprocs") == 0);
    }
}

/// A goroutine that waits, one that is runnable, one that blocks its thread, a job, a task at base.
#[gort::main(processors = 1)]
async fn has_some_of_each() {
    let (event, waits) = (Event::new(), Event::new());
    let (theirs, waiting) = (event.clone(), waits.clone());
    drop(gort::go(move || announced(theirs, waiting).wait()));
    let at_base = gort::spawn(future::pending::<()>());
    drop(task::spawn_blocking(move || {
        thread::sleep(Duration::from_secs(3600))
    }));
    waits.await;
    let blocker = gort::go(move || {
        // A sibling is runnable from now on.
        event.set();
        told();
    });
    blocker.await.unwrap();
    drop(at_base);
}

/// Says what is wrong with one state of that program, or that it is not all there.
fn check_detail(trace: &str) -> bool {
    let (first, rest) = trace.split_once('\n').unwrap();
    let words = words(first);
    assert_eq!(number(&words, "gomaxprocs"), 1, "{first}");
    number(&words, "stopwait");
    assert!(first.contains("sysmonwait=false"), "{first}");
    let kinds: String = rest.lines().map(|line| &line[2..3]).collect();
    assert!(kinds.starts_with("PM"), "{trace}");
    let after = ['P', 'M', 'G']
        .iter()
        .fold(&*kinds, |kinds, kind| kinds.trim_start_matches(*kind));
    assert_eq!(after, "", "{trace}");
    let while_blocked = [
        "P0: m=",
        "M0: p=nil",
        "M0: waitedfor=true",
        "M0: user=true",
        "M1: ",
        "G: status=1(runnable) m=nil lockedm=0",
        "G: status=2(running) m=0 lockedm=",
        "G: status=3(blocking) m=nil lockedm=nil",
        "G: status=4(waiting, at base) m=nil lockedm=nil",
        "G: status=4(join",
    ];
    while_blocked.iter().all(|wanted| {
        let (kind, wanted) = wanted.split_once(':').unwrap();
        let kind = format!("  {kind}");
        let mut lines = rest.lines().filter(|line| line.starts_with(&kind));
        lines.any(|line| line.contains(wanted))
    })
}

fn in_detail() {
    let _watchdog = watchdog("in_detail");
    let mut running = traced("has_some_of_each", "schedtrace=50,scheddetail=1,stuck=0");
    let mut trace = line(&mut running) + "\n";
    loop {
        let rest = running.says("SCHED ");
        let (rest, next) = rest.split_at(rest.rfind("SCHED ").unwrap());
        if check_detail(&(trace + rest)) {
            break;
        }
        trace = next.to_owned();
    }
    running.tell();
    running.rest();
    assert!(running.wait().success());
}

/// Two threads print without end.
#[gort::main(processors = 2)]
async fn talks() {
    let talkers = [1, 2].map(|i| {
        thread::spawn(move || {
            loop {
                // std's macros print a line in several pieces.
                let line = format!("talker {i} says something\n");
                std::io::stderr().write_all(line.as_bytes()).unwrap();
                thread::sleep(Duration::from_micros(100));
            }
        })
    });
    talkers.into_iter().for_each(|talker| talker.join().unwrap());
}

fn lines_are_whole() {
    let _watchdog = watchdog("lines_are_whole");
    let mut running = traced("talks", "schedtrace=1");
    let (mut traces, mut talk) = (0, 0);
    while traces < 100 || talk < 1000 {
        let line = line(&mut running);
        if line.starts_with("SCHED ") {
            check(&line);
            traces += 1;
        } else {
            assert!(
                matches!(&*line, "talker 1 says something" | "talker 2 says something"),
                "{line}"
            );
            talk += 1;
        }
    }
}

/// Until somebody closes standard input or writes to it.
#[gort::main(processors = 2)]
async fn has_ten_thousand() {
    for _ in 0..10_000 {
        gort::spawn(async {
            loop {
                sleep(Duration::from_millis(10)).await;
                task::yield_now().await;
            }
        });
    }
    task::spawn_blocking(told).await.unwrap();
}

fn in_detail_with_many() {
    let _watchdog = watchdog("in_detail_with_many");
    let mut running = traced("has_ten_thousand", "schedtrace=100,scheddetail=1");
    let mut gs = 0;
    while gs < 5000 {
        let line = line(&mut running);
        if line.starts_with("SCHED ") {
            gs = 0;
        } else if line.starts_with("  G") {
            gs += 1;
            assert!(line.contains(": status=") && line.contains(" lockedm="), "{line}");
        } else {
            assert!(line.starts_with("  P") || line.starts_with("  M"), "{line}");
        }
    }
}

fn off() {
    let _watchdog = watchdog("off");
    for value in ["", "schedtrace=0", "scheddetail=1"] {
        program("burns", &[("GORTDEBUG", value)]).assert_quiet(0);
    }
}
