//! The deadline of a blocking poll, to the nanosecond: epoll itself rounds to milliseconds.
//!
//! Used by the polling M only, on g0. It makes a system call only when that changes when the poll returns in
//! time. The fd is registered edge-triggered and never read: each expiry is an edge, and setting it anew
//! forgets the last.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use gort_runtime_core::nanotime;
use mio::event::Source;
use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};

const NANOS_PER_SECOND: u64 = 1_000_000_000;
/// A deadline this far off (292 years) is never.
const NEVER: u64 = i64::MAX as u64;

#[derive(Debug)]
pub(crate) struct TimerFd {
    fd: OwnedFd,
    /// When it will fire, on the monotonic clock.
    armed: Option<u64>,
    #[cfg(test)]
    pub(crate) system_calls: usize,
}

impl TimerFd {
    pub(crate) fn new(registry: &Registry, token: Token) -> io::Result<Self> {
        // SAFETY: no pointers.
        let fd =
            unsafe { libc::timerfd_create(libc::CLOCK_MONOTONIC, libc::TFD_CLOEXEC | libc::TFD_NONBLOCK) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: a new fd that is nobody else's.
        let fd = unsafe { OwnedFd::from_raw_fd(fd) };
        SourceFd(&fd.as_raw_fd()).register(registry, token, Interest::READABLE)?;
        Ok(TimerFd {
            fd,
            armed: None,
            #[cfg(test)]
            system_calls: 0,
        })
    }

    /// Sees to it that the poll that follows returns by `nanos` from now at the latest.
    ///
    /// If it is to fire earlier anyway it is left alone: most early deadlines are timeouts that were
    /// cancelled, and one poll that returns too soon costs no more than setting the timer each time.
    pub(crate) fn arm(&mut self, nanos: u64) -> io::Result<()> {
        let now = nanotime();
        let deadline = now.saturating_add(nanos).min(NEVER);
        match self.armed {
            Some(armed) if now < armed && armed <= deadline => Ok(()),
            _ => self.set(Some(deadline)),
        }
    }

    /// The poll that follows has no deadline.
    pub(crate) fn disarm(&mut self) -> io::Result<()> {
        if self.armed.is_some() {
            self.set(None)
        } else {
            Ok(())
        }
    }

    /// Its event arrived.
    pub(crate) fn fired(&mut self) {
        self.armed = None;
    }

    fn set(&mut self, deadline: Option<u64>) -> io::Result<()> {
        // All zeroes disarms. `now` is never 0, so no deadline is.
        let at = deadline.unwrap_or(0);
        let it_value = libc::timespec {
            tv_sec: (at / NANOS_PER_SECOND) as libc::time_t,
            tv_nsec: (at % NANOS_PER_SECOND) as libc::c_long,
        };
        let value = libc::itimerspec {
            it_interval: libc::timespec {
                tv_sec: 0,
                tv_nsec: 0,
            },
            it_value,
        };
        let fd = self.fd.as_raw_fd();
        // SAFETY: `value` is valid for the call, and the old value is not asked for.
        let set = unsafe { libc::timerfd_settime(fd, libc::TFD_TIMER_ABSTIME, &value, std::ptr::null_mut()) };
        if set < 0 {
            return Err(io::Error::last_os_error());
        }
        self.armed = deadline;
        #[cfg(test)]
        {
            self.system_calls += 1;
        }
        Ok(())
    }
}
