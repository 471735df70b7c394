//! What is printed.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "it is what the example is for"
)]

use gort_benches::WORKERS;

use crate::args::Options;
use crate::bound::Bound;
use crate::jobs::{Jobs, Outcome};
use crate::load::CONNECTIONS;
use crate::run::Row;
use crate::trouble::Trouble;

pub(crate) fn head(options: &Options) {
    let Options {
        duration,
        rounds,
        rate,
        seed,
        ..
    } = options;
    let debug = std::env::var("GORTDEBUG").unwrap_or_default();
    println!(
        "{WORKERS} processors, {CONNECTIONS} connections, {rate} requests a second for {duration:?}, \
         best of {rounds}, seed {seed}, GORTDEBUG={debug}\n\
         milliseconds; late: the load's own p99; cpu: the server's, of one processor"
    );
}

/// The rows with one kind of trouble.
pub(crate) fn block(trouble: Trouble, rows: &[Row]) {
    println!(
        "\n{:<42}{:>8}{:>8}{:>8}{:>8}{:>8}{:>6}{:>9}",
        trouble.what(),
        "p50",
        "p99",
        "p99.9",
        "max",
        "late",
        "cpu",
        "threads"
    );
    for row in rows {
        let name = row.server.name;
        match &row.outcome {
            Ok(Some(s)) => println!(
                "{name:<42}{:>8.2}{:>8.2}{:>8.2}{:>8.2}{:>8.2}{:>5.0}%{:>9}  {}",
                s.p50,
                s.p99,
                s.p999,
                s.max,
                s.late,
                s.cpu,
                s.threads,
                verdict(row, rows)
            ),
            Ok(None) => {}
            Err(why) => println!("{name:<42}{why}"),
        }
    }
}

fn verdict(row: &Row, rows: &[Row]) -> String {
    match (&row.outcome, Bound::of(row.server.name, row.trouble)) {
        (Ok(Some(summary)), Some(bound)) => bound.verdict(summary, |peer| {
            let row = rows.iter().find(|row| row.server.name == peer)?;
            row.outcome.as_ref().ok()?.as_ref()
        }),
        _ => String::new(),
    }
}

pub(crate) fn jobs(jobs: Jobs, outcome: &Outcome) {
    let word = |kept| if kept { "ok" } else { "MISSED" };
    println!(
        "{} jobs of {:?} CPU on {WORKERS} processors: all done after {:.1?}",
        jobs.number, jobs.cpu, outcome.took
    );
    println!(
        "threads: {} at most ({}: <= {})",
        outcome.threads,
        word(outcome.threads <= Jobs::MAX_THREADS),
        Jobs::MAX_THREADS
    );
    println!(
        "a timer of {:?}, {} times: {:.1?} late at most ({}: <= {:?})",
        Jobs::TIMER,
        outcome.timers,
        outcome.late,
        word(outcome.late <= Jobs::MAX_LATE),
        Jobs::MAX_LATE
    );
}

pub(crate) fn error(error: &str) {
    eprintln!("pressure: {error}");
}
