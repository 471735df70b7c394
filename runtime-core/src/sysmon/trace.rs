//! `GORTDEBUG=schedtrace=MS`: when what the scheduler does is printed (`dump::schedtrace`).

use crate::{debug, dump, ticks};

const NANOS_PER_MILLI: u64 = 1_000_000;

/// When the next trace is due.
pub(super) struct Trace {
    every: Option<u64>,
    due: u64,
}

impl Trace {
    pub(super) fn new(now: u64) -> Trace {
        let every = debug::schedtrace().map(|millis| millis.saturating_mul(NANOS_PER_MILLI));
        Trace { every, due: now }
    }

    /// In how many nanoseconds it is; none: never.
    pub(super) fn due_in(&self, now: u64) -> Option<u64> {
        self.every.map(|_| self.due.saturating_sub(now))
    }

    /// Prints it if it is time for it.
    pub(super) fn print(&mut self, now: u64) {
        if let Some(every) = self.every
            && now >= self.due
        {
            self.due = now.saturating_add(every);
            dump::schedtrace::print(
                ticks::nanos_since_boot(now) / NANOS_PER_MILLI,
                debug::scheddetail(),
            );
        }
    }
}
