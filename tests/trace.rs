//! `GORTDEBUG=schedtrace`: what the scheduler does, in Go's words, in whole lines and at the time that was asked for.

#![allow(clippy::print_stdout, reason = "figures belong to the tests' output")]

mod support;

use std::collections::HashMap;
use std::future;
use std::io::Write;
use std::process::ExitCode;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use gort::time::sleep;
use gort::{Wait, task};
use support::programs::{self, Left, Named, named, program};
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

/// The lines of a program that ended well and said nothing else.
fn lines(left: &Left) -> Vec<&str> {
    left.assert_success();
    left.err.lines().collect()
}

/// Awake once at the end.
#[gort::main(processors = 2)]
async fn sleeps() {
    sleep(Duration::from_millis(1050)).await;
}

/// sysmon would sleep.
fn an_idle_program() {
    let _watchdog = watchdog("an_idle_program");
    let left = program("sleeps", &[("GORTDEBUG", "schedtrace=100")]);
    let lines = lines(&left);
    let times: Vec<_> = lines.iter().map(|line| millis(line)).collect();
    println!("{times:?}");
    lines.iter().for_each(|line| _ = check(line));
    // The first at once, the others when they are due or, on a loaded machine, later; and then the program ends later, too.
    assert!(lines.len() > 2, "{left:?}");
    assert!(times.windows(2).all(|two| two[1] >= two[0] + 90), "{times:?}");
}

/// Two burn and three wait for them, and a goroutine lives on each thread.
#[gort::main(processors = 2)]
async fn burns() {
    let all: Vec<_> = (0..5)
        .map(|_| {
            gort::spawn(async {
                let start = Instant::now();
                while start.elapsed() < Duration::from_millis(200) {}
            })
        })
        .collect();
    for one in all {
        one.await.unwrap();
    }
}

fn a_busy_program() {
    let _watchdog = watchdog("a_busy_program");
    let left = program("burns", &[("GORTDEBUG", "schedtrace=10")]);
    let lines = lines(&left);
    let queued = lines
        .iter()
        .map(|line| check(line))
        .map(|(global, local)| global + local[0] + local[1]);
    assert!(queued.max() >= Some(2), "{left:?}");
    let busy = lines.iter().filter(|line| number(&words(line), "idleprocs") == 0);
    assert!(busy.count() > 2, "{left:?}");
}

/// A goroutine that waits, one that is runnable, one that blocks its thread, a job, a task at base.
#[gort::main(processors = 1)]
async fn has_some_of_each() {
    let (blocks, blocked) = mpsc::channel::<()>();
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
        blocked.recv_timeout(Duration::from_millis(500)).unwrap_err();
    });
    blocker.await.unwrap();
    drop((blocks, at_base));
}

fn in_detail() {
    let _watchdog = watchdog("in_detail");
    let left = program(
        "has_some_of_each",
        &[("GORTDEBUG", "schedtrace=50,scheddetail=1,stuck=0")],
    );
    left.assert_success();
    let traces: Vec<_> = left.err.split("SCHED ").skip(1).collect();
    assert!(!traces.is_empty(), "{left:?}");
    let has = |trace: &str, all: &[&str]| {
        all.iter().all(|wanted| {
            let (kind, wanted) = wanted.split_once(':').unwrap();
            let lines = trace
                .lines()
                .filter(|line| line.starts_with(&format!("  {kind}")));
            lines.filter(|line| line.contains(wanted)).count() >= 1
        })
    };
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
    assert!(traces.iter().any(|trace| has(trace, &while_blocked)), "{left:?}");
    for trace in traces {
        let (first, rest) = trace.split_once('\n').unwrap();
        let words = words(first);
        assert_eq!(number(&words, "gomaxprocs"), 1, "{first}");
        number(&words, "stopwait");
        assert!(first.contains("sysmonwait=false"), "{first}");
        let kinds: String = rest.lines().map(|line| &line[2..3]).collect();
        assert!(kinds.starts_with("PM"), "{trace}");
        assert_eq!(
            kinds
                .trim_start_matches('P')
                .trim_start_matches('M')
                .trim_start_matches('G'),
            "",
            "{trace}"
        );
    }
}

/// Two threads print without end.
#[gort::main(processors = 2)]
async fn talks() {
    let talkers = [1, 2].map(|i| {
        thread::spawn(move || {
            for _ in 0..2000 {
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
    let left = program("talks", &[("GORTDEBUG", "schedtrace=1")]);
    let (traces, talk): (Vec<_>, Vec<_>) = lines(&left)
        .into_iter()
        .partition(|line| line.starts_with("SCHED "));
    traces.iter().for_each(|line| _ = check(line));
    assert!(traces.len() > 10, "{}", traces.len());
    assert_eq!(talk.len(), 4000);
    assert!(
        talk.iter()
            .all(|line| line.starts_with("talker ") && line.ends_with(" says something"))
    );
}

#[gort::main(processors = 2)]
async fn has_ten_thousand() {
    let tasks: Vec<_> = (0..10_000)
        .map(|_| {
            gort::spawn(async {
                for _ in 0..20 {
                    sleep(Duration::from_millis(10)).await;
                    task::yield_now().await;
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
}

fn in_detail_with_many() {
    let _watchdog = watchdog("in_detail_with_many");
    let left = program(
        "has_ten_thousand",
        &[("GORTDEBUG", "schedtrace=100,scheddetail=1")],
    );
    let mut most = 0;
    let mut gs = 0;
    for line in lines(&left) {
        if line.starts_with("SCHED ") {
            gs = 0;
        } else if line.starts_with("  G") {
            gs += 1;
            assert!(line.contains(": status=") && line.contains(" lockedm="), "{line}");
        } else {
            assert!(line.starts_with("  P") || line.starts_with("  M"), "{line}");
        }
        most = most.max(gs);
    }
    assert!(most > 5000, "{most}");
}

fn off() {
    let _watchdog = watchdog("off");
    for value in ["", "schedtrace=0", "scheddetail=1"] {
        program("burns", &[("GORTDEBUG", value)]).assert_quiet(0);
    }
}
