//! The cases: each server with each kind of trouble, in a process of its own.

use std::env;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use gort_benches::clock::CpuClock;
use gort_benches::go;
use gort_benches::process::Process;

use crate::args::{Options, SERVE};
use crate::load;
use crate::server::{ALL, Kind, Server};
use crate::summary::Summary;
use crate::table;
use crate::trouble::{Speed, Trouble};

/// How long a server may take to start.
const PATIENCE: Duration = Duration::from_secs(20);

/// A case, and its best round.
pub(crate) struct Row {
    pub(crate) server: &'static Server,
    pub(crate) trouble: Trouble,
    /// Nothing yet, or why there is nothing.
    pub(crate) outcome: Result<Option<Summary>, String>,
}

impl Row {
    fn id(&self) -> String {
        format!("{}/{}", self.server.name, self.trouble.name())
    }

    fn is_meant(&self, only: &str) -> bool {
        let id = self.id();
        only.split(',').any(|part| id.contains(part))
    }
}

/// Measures what the options ask for, and prints it.
///
/// # Errors
/// If nothing was asked for, or a case failed. What could be measured has been printed.
pub(crate) fn measure(options: &Options) -> Result<(), String> {
    let mut blocks = Vec::new();
    for trouble in Trouble::all(Speed::measure()?) {
        let rows: Vec<Row> = ALL
            .iter()
            .map(|server| Row {
                server,
                trouble,
                outcome: Ok(None),
            })
            .filter(|row| row.is_meant(&options.only))
            .collect();
        if !rows.is_empty() {
            blocks.push((trouble, rows));
        }
    }
    if blocks.is_empty() {
        return Err(format!("no case's SERVER/TROUBLE contains {:?}", options.only));
    }
    let programs = Programs::find()?;
    table::head(options);
    let mut failed = 0;
    for (trouble, rows) in &mut blocks {
        for _ in 0..options.rounds {
            for row in &mut *rows {
                measure_row(row, &programs, options);
            }
        }
        table::block(*trouble, rows);
        failed += rows
            .iter()
            .filter(|row| row.outcome.is_err() && matches!(row.server.kind, Kind::Own(_)))
            .count();
    }
    match failed {
        0 => Ok(()),
        failed => Err(format!("{failed} cases failed")),
    }
}

fn measure_row(row: &mut Row, programs: &Programs, options: &Options) {
    let Ok(best) = &mut row.outcome else {
        return;
    };
    match read(row.server, row.trouble, programs, options) {
        Ok(summary) if best.is_none_or(|best| summary.is_better_than(&best)) => *best = Some(summary),
        Ok(_) => {}
        Err(why) => row.outcome = Err(why),
    }
}

/// What the servers are.
struct Programs {
    own: PathBuf,
    /// Or why it is not there.
    go: Result<PathBuf, String>,
}

impl Programs {
    fn find() -> Result<Programs, String> {
        Ok(Programs {
            own: env::current_exe().map_err(|error| format!("cannot find this program: {error}"))?,
            go: go::build_program("go/pressure/main.go", "pressure-go"),
        })
    }
}

fn read(
    server: &Server,
    trouble: Trouble,
    programs: &Programs,
    options: &Options,
) -> Result<Summary, String> {
    let mut command = match server.kind {
        Kind::Own(_) => {
            let mut command = Command::new(&programs.own);
            command.args([SERVE, server.name]);
            command
        }
        Kind::Go => Command::new(programs.go.as_ref()?),
    };
    command.args([trouble.name(), &trouble.iterations().to_string()]);
    let process = Process::start(&mut command)?;
    let address = process.address(PATIENCE)?;
    let clock = CpuClock::of(process.id()).map_err(|error| error.to_string())?;
    let measured = || {
        let (cpu, started) = (clock.read()?, Instant::now());
        let record = load::drive(address, options.rate, options.duration, options.seed)?;
        let (cpu, wall) = (clock.read()?.saturating_sub(cpu), started.elapsed());
        let threads = fs::read_dir(format!("/proc/{}/task", process.id()))?.count();
        Ok(Summary::of(record, cpu, wall, threads))
    };
    measured().map_err(|error: std::io::Error| error.to_string())
}
