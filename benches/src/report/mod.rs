//! What comes out: rows of readings, as a table on stdout and as JSON. Nothing but this writes for users.

mod json;
mod summary;
mod table;

use crate::args::Options;
use crate::case::Case;
use crate::measure::Reading;
use crate::peer::GORT;
pub(crate) use json::json;
use summary::Summary;
pub(crate) use table::table;

/// A case and what came of it.
pub(crate) struct Row {
    pub(crate) case: Case,
    pub(crate) outcome: Outcome,
}

/// What came of a case.
pub(crate) enum Outcome {
    /// One a round.
    Readings(Vec<Reading>),
    /// It needs what is not there.
    Skipped(String),
    /// It went wrong, and was not tried again.
    Failed(String),
}

/// What is reported of a case that went well. Nanoseconds an operation.
struct Figures {
    wall: Summary,
    cpu: Summary,
    /// How many times gort's: the medians of the rounds' ratios. Without gort's own readings, none.
    wall_ratio: Option<f64>,
    cpu_ratio: Option<f64>,
}

impl Row {
    pub(crate) fn new(case: Case) -> Row {
        Row {
            case,
            outcome: Outcome::Readings(Vec::new()),
        }
    }

    fn readings(&self) -> Option<&[Reading]> {
        match &self.outcome {
            Outcome::Readings(readings) => Some(readings),
            Outcome::Skipped(_) | Outcome::Failed(_) => None,
        }
    }

    /// None without readings. The subject's baseline is gort's case among `rows`.
    fn figures(&self, rows: &[Row]) -> Option<Figures> {
        let readings = self.readings()?;
        let gort = rows
            .iter()
            .find(|row| row.case.subject == self.case.subject && row.case.runtime == GORT)
            .and_then(Row::readings);
        let ratio = |of: fn(&Reading) -> f64| {
            let gort = gort?;
            let ratios = readings.iter().zip(gort).map(|(own, gort)| of(own) / of(gort));
            Some(Summary::of(ratios)?.median)
        };
        Some(Figures {
            wall: Summary::of(readings.iter().map(Reading::wall_ns))?,
            cpu: Summary::of(readings.iter().map(Reading::cpu_ns))?,
            wall_ratio: ratio(Reading::wall_ns),
            cpu_ratio: ratio(Reading::cpu_ns),
        })
    }
}

/// A child's line to its parent.
#[expect(clippy::print_stdout, reason = "the parent reads it")]
pub(crate) fn reading(reading: &Reading) {
    println!("{reading}");
}

/// The ids of all cases.
#[expect(clippy::print_stdout, reason = "what --list asks for")]
pub(crate) fn list(cases: &[Case]) {
    for case in cases {
        println!("{}", case.id());
    }
}

/// Something for whoever waits.
#[expect(clippy::print_stderr, reason = "not part of the result")]
pub(crate) fn progress(round: usize, rounds: usize) {
    eprintln!("round {round} of {rounds}");
}

#[expect(clippy::print_stderr, reason = "where errors go")]
pub(crate) fn error(error: &str) {
    eprintln!("gort-benches: {error}");
}
