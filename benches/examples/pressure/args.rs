//! The command line, of users and of the servers that `run` starts.

use std::time::Duration;

use gort_benches::value;

use crate::jobs::Jobs;
use crate::load::RATE;
use crate::trouble::Trouble;

const USAGE: &str = "usage: pressure [--only FILTER] [--seconds N] [--rounds N] [--rate N] [--seed N]\n\
                     \x20      pressure jobs [--jobs N] [--millis N]";

/// What `run` calls a server with: `--serve SERVER TROUBLE ITERATIONS`.
pub(crate) const SERVE: &str = "--serve";

/// What to measure, and how.
pub(crate) struct Options {
    /// Only cases whose id, SERVER/TROUBLE, contains it, or one of several between commas.
    pub(crate) only: String,
    /// How long each case lasts.
    pub(crate) duration: Duration,
    pub(crate) rounds: usize,
    /// Requests a second.
    pub(crate) rate: u32,
    /// Draws the requests that misbehave.
    pub(crate) seed: u64,
}

/// What the process is to do.
pub(crate) enum Command {
    Measure(Options),
    Serve { server: String, trouble: Trouble },
    Jobs(Jobs),
}

/// # Errors
/// What is wrong with the arguments, in a line or two.
pub(crate) fn parse(args: impl Iterator<Item = String>) -> Result<Command, String> {
    let mut args = args.peekable();
    if args.next_if(|arg| arg == "jobs").is_some() {
        return parse_jobs(args);
    }
    let mut options = Options {
        only: String::new(),
        duration: Duration::from_secs(10),
        rounds: 1,
        rate: RATE,
        seed: 1,
    };
    while let Some(arg) = args.next() {
        match arg.as_str() {
            SERVE => {
                let server = value(&mut args, SERVE, USAGE)?;
                let name: String = value(&mut args, SERVE, USAGE)?;
                let iterations = value(&mut args, SERVE, USAGE)?;
                let trouble =
                    Trouble::named(&name, iterations).ok_or_else(|| format!("no trouble {name}"))?;
                return Ok(Command::Serve { server, trouble });
            }
            "--only" => options.only = value(&mut args, &arg, USAGE)?,
            "--seconds" => options.duration = Duration::from_secs(positive(&mut args, &arg)?),
            "--rounds" => options.rounds = positive(&mut args, &arg)? as usize,
            "--rate" => options.rate = positive(&mut args, &arg)? as u32,
            "--seed" => options.seed = value(&mut args, &arg, USAGE)?,
            _ => return Err(format!("unknown argument {arg}\n{USAGE}")),
        }
    }
    Ok(Command::Measure(options))
}

fn parse_jobs(mut args: impl Iterator<Item = String>) -> Result<Command, String> {
    let mut jobs = Jobs::default();
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--jobs" => jobs.number = positive(&mut args, &arg)? as usize,
            "--millis" => jobs.cpu = Duration::from_millis(positive(&mut args, &arg)?),
            _ => return Err(format!("unknown argument {arg}\n{USAGE}")),
        }
    }
    Ok(Command::Jobs(jobs))
}

fn positive(args: &mut impl Iterator<Item = String>, of: &str) -> Result<u64, String> {
    match value(args, of, USAGE)? {
        0 => Err(format!("{of} must be at least 1")),
        value => Ok(value),
    }
}
