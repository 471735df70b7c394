//! How long sysmon naps: each nap costs some 8 us of CPU where processors sleep between two of them, so a lightly loaded
//! program would mostly pay for being watched.

use crate::sysmon::retake::Seen;

/// While some M has a P.
const NAP_MICROS: u32 = 1_000;
/// After a look that found an M in user code that was not there before: two looks show that it is blocked. So that is
/// known after 0.25 to 1.25 ms.
const CLOSE_NAP_MICROS: u32 = 250;
/// The same after it had to step in, for it may soon have to again: 0.2 to 0.6 ms.
const ALERT_NAP_MICROS: u32 = 400;
const ALERT_CLOSE_NAP_MICROS: u32 = 200;
/// For how long after that.
const ALERT_NANOS: u64 = 200_000_000;

pub(super) struct Naps {
    acted_at: u64,
    /// The last look was followed by another soon.
    close: bool,
    micros: u32,
}

impl Naps {
    pub(super) fn new() -> Naps {
        Naps {
            acted_at: 0,
            close: false,
            micros: NAP_MICROS,
        }
    }

    pub(super) fn micros(&self) -> u32 {
        self.micros
    }

    /// What the look at `now` found.
    pub(super) fn looked(&mut self, now: u64, seen: Seen) {
        if seen.acted {
            self.acted_at = now;
        }
        // Not twice in a row: where Gs come and go all the time, every look finds another one.
        self.close = seen.unclear && !self.close;
        let is_alert = now - self.acted_at < ALERT_NANOS;
        self.micros = match (is_alert, self.close) {
            (false, false) => NAP_MICROS,
            (false, true) => CLOSE_NAP_MICROS,
            (true, false) => ALERT_NAP_MICROS,
            (true, true) => ALERT_CLOSE_NAP_MICROS,
        };
    }
}
