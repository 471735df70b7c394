//! gort measured beside its peers, interleaved in one run.
//!
//! ```text
//! cargo run --release -p gort-benches -- [FILTER] [--rounds N] [--millis N] [--quick] [--json FILE] [--list]
//! ```
//!
//! A case is a subject on a runtime, such as `task-yield` on `tokio-mt`. In each round each case runs
//! once, in a process of its own (this binary again, or the Go program `go/main.go`), so that no runtime's threads
//! disturb another's and whatever else the machine does falls on all of them alike. A case runs its body with
//! growing counts until one run has lasted long enough; that run is its reading, and those before it were warm-up.
//! Printed are the median, the least and the most of the rounds, in wall-clock and in CPU time of the whole process,
//! and the median of each round's ratio to gort.
//!
//! Layers, each of which calls only those to its left: `clock, measure -> peer -> process -> subject, echo -> case ->
//! run -> report`. `examples/pressure` measures what means of many operations hide, on the same machinery.

mod args;
mod case;
pub mod clock;
mod echo;
pub mod go;
mod measure;
mod peer;
pub mod process;
mod report;
mod run;
mod subject;

use std::process::ExitCode;

use args::Command;
pub use args::value;
pub use peer::WORKERS;

/// What the binary does.
pub fn main() -> ExitCode {
    let done = args::parse(std::env::args().skip(1)).and_then(|command| match command {
        Command::Measure(options) => run::measure(&options),
        Command::List => {
            report::list(&case::all());
            Ok(())
        }
        Command::Child { case, target } => run::child(&case, target),
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            report::error(&error);
            ExitCode::FAILURE
        }
    }
}
