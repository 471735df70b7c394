//! A reading: how long so many operations took. Taken in a child, printed as a line, read by the parent.

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, Instant};

use crate::clock::CpuClock;

/// What so many operations took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reading {
    pub(crate) ops: u64,
    pub(crate) wall: Duration,
    /// Of all threads of the process.
    pub(crate) cpu: Duration,
}

impl Reading {
    /// Nanoseconds of wall-clock time an operation.
    pub(crate) fn wall_ns(&self) -> f64 {
        self.wall.as_nanos() as f64 / self.ops as f64
    }

    /// Nanoseconds of CPU time an operation.
    pub(crate) fn cpu_ns(&self) -> f64 {
        self.cpu.as_nanos() as f64 / self.ops as f64
    }
}

/// The line: `OPS WALL_NS CPU_NS`.
impl fmt::Display for Reading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Reading { ops, wall, cpu } = self;
        write!(f, "{ops} {} {}", wall.as_nanos(), cpu.as_nanos())
    }
}

impl FromStr for Reading {
    type Err = String;

    fn from_str(line: &str) -> Result<Reading, String> {
        let numbers: Result<Vec<u64>, _> = line.split_whitespace().map(str::parse).collect();
        match numbers.as_deref() {
            Ok(&[ops, wall, cpu]) if ops > 0 => Ok(Reading {
                ops,
                wall: Duration::from_nanos(wall),
                cpu: Duration::from_nanos(cpu),
            }),
            _ => Err(format!("no reading: {:?}", line.trim_end())),
        }
    }
}

/// A reading that has begun.
pub(crate) struct Running {
    wall: Instant,
    cpu: Duration,
}

impl Running {
    pub(crate) fn start() -> Running {
        Running {
            cpu: own_cpu(),
            wall: Instant::now(),
        }
    }

    pub(crate) fn stop(self, ops: u64) -> Reading {
        Reading {
            ops,
            wall: self.wall.elapsed(),
            cpu: own_cpu().saturating_sub(self.cpu),
        }
    }
}

fn own_cpu() -> Duration {
    CpuClock::OWN.read().expect("this process has a CPU clock")
}

/// How many operations to try after a run that was too short; None: it was long enough.
fn next(ops: u64, took: Duration, target: Duration) -> Option<u64> {
    /// A first run of few operations says little about many.
    const MOST_GROWTH: f64 = 16.0;
    const LEAST_GROWTH: f64 = 1.5;
    /// So that the run that aims at the target does not just miss it.
    const MARGIN: f64 = 1.1;
    if took >= target {
        return None;
    }
    let growth = MARGIN * target.as_secs_f64() / took.as_secs_f64().max(1e-9);
    Some((ops as f64 * growth.clamp(LEAST_GROWTH, MOST_GROWTH)).ceil() as u64)
}

/// Runs `body`, which is told how many operations to do and says how many it did, until a run lasts `target`.
pub(crate) fn measure(target: Duration, mut body: impl FnMut(u64) -> u64) -> Reading {
    let mut ops = 1;
    loop {
        let running = Running::start();
        let done = body(ops);
        let reading = running.stop(done);
        match next(done, reading.wall, target) {
            Some(more) => ops = more,
            None => return reading,
        }
    }
}

/// As [`measure`], inside a task.
pub(crate) async fn measure_async<F>(target: Duration, body: impl Fn(u64) -> F) -> Reading
where
    F: Future<Output = u64>,
{
    let mut ops = 1;
    loop {
        let running = Running::start();
        let done = body(ops).await;
        let reading = running.stop(done);
        match next(done, reading.wall, target) {
            Some(more) => ops = more,
            None => return reading,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reading_survives_its_line() {
        let reading = Reading {
            ops: 3,
            wall: Duration::from_nanos(12),
            cpu: Duration::from_nanos(24),
        };
        assert_eq!(reading.to_string().parse(), Ok(reading));
        assert_eq!((reading.wall_ns(), reading.cpu_ns()), (4.0, 8.0));
        for line in ["", "1 2", "1 2 3 4", "0 1 1", "a b c"] {
            assert!(line.parse::<Reading>().is_err(), "{line}");
        }
    }

    #[test]
    fn a_run_grows_until_it_lasts() {
        let target = Duration::from_millis(5);
        let mut runs = Vec::new();
        let reading = measure(target, |ops| {
            runs.push(ops);
            std::thread::sleep(Duration::from_micros(100) * ops as u32);
            ops
        });
        assert!(runs.is_sorted() && runs[0] == 1 && runs.len() > 1, "{runs:?}");
        assert!(reading.wall >= target && reading.ops == runs[runs.len() - 1]);
        assert_eq!(measure(Duration::ZERO, |ops| ops).ops, 1);
    }
}
