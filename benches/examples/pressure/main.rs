//! How long ordinary requests take while a few others misbehave, on gort and on its peers.
//!
//! ```text
//! cargo run --release -p gort-benches --example pressure -- [--only FILTER,FILTER...] [--seconds N] [--rounds N]
//!     [--rate N] [--seed N]
//! cargo run --release -p gort-benches --example pressure -- jobs [--jobs N] [--millis N]
//! ```
//!
//! A server, a process of its own with two processors, has 200 connections, and gets 2,000 requests a second from this
//! process, evenly spread over time and over the connections. One in a hundred, drawn at random, makes its handler sleep
//! for 50 ms with its thread, or burn 20 ms of CPU. The table is about the others: milliseconds from when a request was
//! *due* to be sent until its reply was read, so that a server that stands still is charged for all that it holds up, and
//! so is what this process is late by (printed beside it, for it says how quiet the machine is). Each bound that gort has
//! set itself is printed with `ok` or `MISSED`; that does not make the run fail.
//!
//! With more rounds than one, each case's best is printed: the least p99, then the least p99.9. For how gort is
//! watched meanwhile see `GORTDEBUG`, which the servers get.
//!
//! `jobs` spawns 300 tasks that burn 200 ms of CPU each, at once, on two processors, and says how many threads there
//! were, and how late a timer of 10 ms came.
//!
//! Layers, each of which calls only those to its left: `trouble -> server -> epoll, load -> summary -> bound -> table,
//! run, jobs`.

mod args;
mod bound;
mod epoll;
mod jobs;
mod load;
mod run;
mod server;
mod summary;
mod table;
mod trouble;

use std::process::ExitCode;

use args::Command;

fn main() -> ExitCode {
    let done = args::parse(std::env::args().skip(1)).and_then(|command| match command {
        Command::Measure(options) => run::measure(&options),
        Command::Serve { server, trouble } => server::serve(&server, trouble),
        Command::Jobs(jobs) => jobs::measure(jobs),
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            table::error(&error);
            ExitCode::FAILURE
        }
    }
}
