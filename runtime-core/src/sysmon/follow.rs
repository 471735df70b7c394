//! When sysmon looks whether there are more processors than before, or fewer (`sched::ncpu`).

use crate::sched::ncpu;

/// Go's.
const EVERY_NANOS: u64 = 1_000_000_000;

/// When it last looked.
pub(super) struct Follow {
    at: u64,
}

impl Follow {
    pub(super) fn new(now: u64) -> Follow {
        ncpu::watch_here();
        Follow { at: now }
    }

    /// Looks if it is time for it.
    pub(super) fn look(&mut self, now: u64) {
        if now - self.at >= EVERY_NANOS && ncpu::is_followed() {
            self.at = now;
            ncpu::follow();
        }
    }
}
