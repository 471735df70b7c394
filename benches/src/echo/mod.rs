//! An echo server's CPU time per request: the server is a process of its own, the load comes from ours and is the
//! same for all servers.

mod load;
mod server;

use std::time::Duration;

use crate::clock::CpuClock;
use crate::measure::{Reading, Running};
use crate::process::Process;
use load::Load;
pub(crate) use server::{
    gort_goroutines, gort_tasks, may_goroutines, smol_tasks, tokio_current_thread, tokio_multi_thread,
};

pub(crate) const NAME: &str = "echo-request";

/// What a server prints once it listens, before its address.
const LISTENING: &str = "listening on ";

/// How many requests are under way at a time: one a connection.
const CONNECTIONS: usize = 64;
const REQUEST: usize = 64;

/// A reading of a server that `process` runs: wall-clock time of the load, CPU time of the server.
///
/// # Errors
/// If the server does not start, does not answer, or answers something else.
pub(crate) fn measure(process: &Process, target: Duration, patience: Duration) -> Result<Reading, String> {
    /// The part of the target that goes before as a warm-up.
    const WARM_UP: u32 = 4;
    let line = process.line(patience)?;
    let address = line
        .strip_prefix(LISTENING)
        .and_then(|address| address.parse().ok())
        .ok_or_else(|| format!("no server: {line}"))?;
    let clock = CpuClock::of(process.id()).map_err(|error| error.to_string())?;
    let mut load = Load::connect(address, CONNECTIONS, REQUEST).map_err(|error| error.to_string())?;
    let mut measured = || {
        load.drive(target / WARM_UP)?;
        let before = clock.read()?;
        let running = Running::start();
        let requests = load.drive(target)?;
        let reading = running.stop(requests);
        Ok(Reading {
            cpu: clock.read()?.saturating_sub(before),
            ..reading
        })
    };
    measured().map_err(|error: std::io::Error| error.to_string())
}
