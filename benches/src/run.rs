//! The rounds: in each, every case once, in turn, in a process of its own.

use std::env;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use crate::args::{CHILD, Options};
use crate::case::{self, Case, Work};
use crate::measure::Reading;
use crate::process::Process;
use crate::report::{self, Outcome, Row};
use crate::{echo, go};

/// How much longer than its reading a child may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// Measures what the options ask for, and reports it.
///
/// # Errors
/// If nothing was asked for, or a case failed, or the JSON file cannot be written. What could be measured has been
/// printed.
pub(crate) fn measure(options: &Options) -> Result<(), String> {
    let cases: Vec<Case> = case::all()
        .into_iter()
        .filter(|case| case.id().contains(&options.filter))
        .collect();
    if cases.is_empty() {
        return Err(format!("no case contains {:?}; --list names all", options.filter));
    }
    let programs = Programs::find(&cases)?;
    let mut rows: Vec<Row> = cases.into_iter().map(Row::new).collect();
    for row in &mut rows {
        if let (true, Err(why)) = (row.case.work.is_go(), &programs.go) {
            row.outcome = Outcome::Skipped(why.clone());
        }
    }
    for round in 1..=options.rounds {
        report::progress(round, options.rounds);
        for row in &mut rows {
            if let Outcome::Readings(readings) = &mut row.outcome {
                match read(&row.case, &programs, options.target) {
                    Ok(reading) => readings.push(reading),
                    Err(why) => row.outcome = Outcome::Failed(why),
                }
            }
        }
    }
    report::table(&rows, options);
    if let Some(path) = &options.json {
        report::json(&rows, options, path)?;
    }
    match rows
        .iter()
        .filter(|row| matches!(row.outcome, Outcome::Failed(_)))
        .count()
    {
        0 => Ok(()),
        failed => Err(format!("{failed} cases failed")),
    }
}

/// What the children are.
struct Programs {
    own: PathBuf,
    /// Or why it is not there.
    go: Result<PathBuf, String>,
}

impl Programs {
    fn find(cases: &[Case]) -> Result<Programs, String> {
        Ok(Programs {
            own: env::current_exe().map_err(|error| format!("cannot find this program: {error}"))?,
            go: if cases.iter().any(|case| case.work.is_go()) {
                go::build()
            } else {
                Err("not asked for".to_owned())
            },
        })
    }
}

fn read(case: &Case, programs: &Programs, target: Duration) -> Result<Reading, String> {
    let millis = target.as_millis().to_string();
    let mut command = match case.work {
        Work::Read(_) | Work::Serve(..) => {
            let mut command = Command::new(&programs.own);
            command.args([CHILD, &case.id(), &millis]);
            command
        }
        Work::GoRead | Work::GoServe(_) => {
            let mut command = Command::new(programs.go.as_ref()?);
            command.args([case.subject, &millis]);
            command
        }
    };
    let process = Process::start(&mut command)?;
    let patience = PATIENCE + 4 * target;
    match case.work {
        Work::Read(_) | Work::GoRead => process.line(patience)?.parse(),
        Work::Serve(_, connections) | Work::GoServe(connections) => {
            echo::measure(&process, connections, target, patience)
        }
    }
}

/// What a child does.
///
/// # Errors
/// If there is no such case, or its server fails.
pub(crate) fn child(id: &str, target: Duration) -> Result<(), String> {
    let work = case::all()
        .into_iter()
        .find(|case| case.id() == id)
        .map(|case| case.work);
    match work {
        Some(Work::Read(read)) => {
            report::reading(&read(target));
            Ok(())
        }
        Some(Work::Serve(serve, _)) => serve().map_err(|error| error.to_string()),
        _ => Err(format!("no case {id}")),
    }
}
