//! What a case comes to.

use std::time::Duration;

use crate::load::Record;

/// Milliseconds, but for what says otherwise.
#[derive(Clone, Copy)]
pub(crate) struct Summary {
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    pub(crate) p999: f64,
    pub(crate) max: f64,
    /// The p99 of what the load itself was late by.
    pub(crate) late: f64,
    /// Of one processor, per cent.
    pub(crate) cpu: f64,
    /// When the load ended.
    pub(crate) threads: usize,
}

impl Summary {
    pub(crate) fn of(record: Record, cpu: Duration, wall: Duration, threads: usize) -> Summary {
        let latency = Sorted::of(record.latency);
        Summary {
            p50: latency.millis(0.5),
            p99: latency.millis(0.99),
            p999: latency.millis(0.999),
            max: latency.millis(1.0),
            late: Sorted::of(record.late).millis(0.99),
            cpu: 100.0 * cpu.as_secs_f64() / wall.as_secs_f64(),
            threads,
        }
    }

    /// Whether this was the quieter of two runs.
    pub(crate) fn is_better_than(&self, other: &Summary) -> bool {
        (self.p99, self.p999) < (other.p99, other.p999)
    }
}

struct Sorted(Vec<u64>);

impl Sorted {
    fn of(mut nanos: Vec<u64>) -> Sorted {
        nanos.sort_unstable();
        Sorted(nanos)
    }

    /// The least that so large a part of all are not above.
    fn millis(&self, part: f64) -> f64 {
        let rank = (part * self.0.len() as f64).ceil() as usize;
        self.0[rank.clamp(1, self.0.len()) - 1] as f64 / 1e6
    }
}
