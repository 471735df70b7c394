//! The end: waits until all books are closed, says what is in them, and whether they balance.

use std::time::{Duration, Instant};

use gort::Wait;
use gort::runtime::num_goroutines;
use gort::time::sleep;

use crate::books::{
    Book, CALLS, ECHOED, JOBS, RETURNED, SENT, SHARED, THREADS_KEPT, discrepancies, discrepancy,
};
use crate::foreign::Foreign;
use crate::process::{descriptors, peak_rss_kib, threads};
use crate::resizer::MOST_PROCESSORS;
use crate::verb::VERBS;

/// How long what was forgotten may take to end: less than the watchdog waits.
const SETTLE: Duration = Duration::from_secs(20);
const LOOK: Duration = Duration::from_millis(20);

/// Threads beyond those that the books account for: m0, sysmon, the watchdog, who changes the number of processors, and
/// one that has just been made or is about to end.
const OTHER_THREADS: usize = 6;

/// How the process stands. sysmon, or a thread that starts, may have a file open for a moment.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Standing {
    goroutines: usize,
    descriptors: usize,
}

impl Standing {
    fn now() -> Standing {
        Standing {
            goroutines: num_goroutines(),
            descriptors: descriptors(),
        }
    }

    /// Once the process stands still, before the first actor is started.
    pub(crate) fn at_rest() -> Standing {
        const STILL: Duration = Duration::from_millis(200);
        let mut last = Standing::now();
        loop {
            sleep(STILL).wait();
            let now = Standing::now();
            if now == last {
                return now;
            }
            last = now;
        }
    }
}

fn books() -> impl Iterator<Item = &'static Book> {
    VERBS.iter().map(|verb| &verb.book).chain(SHARED)
}

/// Waits until what was forgotten has ended, too.
fn settle(before: Standing) -> Standing {
    let begun = Instant::now();
    loop {
        let balances = books().all(|book| book.count().balances());
        let now = Standing::now();
        if balances && now == before || begun.elapsed() > SETTLE {
            return now;
        }
        sleep(LOOK).wait();
    }
}

/// True: all books balance.
pub(crate) fn close(before: Standing) -> bool {
    let after = settle(before);
    show();

    for book in books() {
        let count = book.count();
        if !count.balances() {
            discrepancy(format_args!(
                "{}: {} begun, {} ended",
                book.name,
                count.opened,
                count.done + count.given_up
            ));
        }
    }
    for flow in [&ECHOED, &RETURNED] {
        if flow.total() != SENT.total() {
            let ((sent, sent_sum), (here, sum)) = (SENT.total(), flow.total());
            discrepancy(format_args!(
                "{} bytes (sum {sent_sum:016x}) {}, {here} bytes (sum {sum:016x}) {}",
                sent, SENT.name, flow.name
            ));
        }
    }
    same("goroutines", before.goroutines, after.goroutines);
    same("descriptors", before.descriptors, after.descriptors);

    // An M for each P, one for each thread that was kept at the same time and one for each job and call there was; once
    // more, for those that want a P back, and those that have just ended.
    let kept: u64 = [&THREADS_KEPT, &JOBS, &CALLS]
        .iter()
        .map(|book| book.count().most_open)
        .sum();
    let most = 2 * (gort::runtime::max_procs().max(MOST_PROCESSORS) + kept as usize)
        + Foreign::threads()
        + OTHER_THREADS;
    let threads = threads();
    println!(
        "threads at the end: {threads}, of {most} at most; peak RSS {} MiB",
        peak_rss_kib() >> 10
    );
    if threads > most {
        discrepancy(format_args!(
            "{threads} threads, and no more than {most} were needed"
        ));
    }
    discrepancies() == 0
}

fn same(what: &str, before: usize, after: usize) {
    println!("{what}: {before} before, {after} after");
    if before != after {
        discrepancy(format_args!("{before} {what} before, {after} after"));
    }
}

fn show() {
    println!(
        "{:<14} {:>10} {:>10} {:>10} {:>10}",
        "", "begun", "done", "given up", "most open"
    );
    for book in books() {
        let count = book.count();
        println!(
            "{:<14} {:>10} {:>10} {:>10} {:>10}",
            book.name, count.opened, count.done, count.given_up, count.most_open
        );
    }
    for flow in [&SENT, &ECHOED, &RETURNED] {
        let (bytes, sum) = flow.total();
        println!("{:<20} {bytes:>15} bytes, sum {sum:016x}", flow.name);
    }
}
