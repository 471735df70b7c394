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

/// A subject's name, and how many connections there are, each with one request under way: a server that is
/// always busy, and one that sleeps between any two requests.
pub(crate) const MANY: (&str, usize) = ("echo-64", 64);
pub(crate) const ONE: (&str, usize) = ("echo-1", 1);

/// The bytes of a request.
const REQUEST: usize = 64;

/// A reading of a server that `process` runs: wall-clock time of the load, CPU time of the server.
///
/// # Errors
/// If the server does not start, does not answer, or answers something else.
pub(crate) fn measure(
    process: &Process,
    connections: usize,
    target: Duration,
    patience: Duration,
) -> Result<Reading, String> {
    /// The part of the target that goes before as a warm-up.
    const WARM_UP: u32 = 4;
    let address = process.address(patience)?;
    let clock = CpuClock::of(process.id()).map_err(|error| error.to_string())?;
    let mut load = Load::connect(address, connections, REQUEST).map_err(|error| error.to_string())?;
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
