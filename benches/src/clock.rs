//! CPU time of processes. Called by `measure` for the own process and by `echo` and the examples for a server's.

use std::io;
use std::time::Duration;

/// The clock of a process's CPU time: all of its threads, in user code and in the kernel.
#[derive(Clone, Copy, Debug)]
pub struct CpuClock(libc::clockid_t);

impl CpuClock {
    /// This process's.
    pub const OWN: CpuClock = CpuClock(libc::CLOCK_PROCESS_CPUTIME_ID);

    /// That of a process that runs: a child that has not been waited for.
    ///
    /// # Errors
    /// If there is no such process.
    pub fn of(pid: u32) -> io::Result<CpuClock> {
        let mut clock = 0;
        // SAFETY: writes a clockid_t to where it points.
        match unsafe { libc::clock_getcpuclockid(pid as libc::pid_t, &raw mut clock) } {
            0 => Ok(CpuClock(clock)),
            error => Err(io::Error::from_raw_os_error(error)),
        }
    }

    /// How much CPU time the process has used.
    ///
    /// # Errors
    /// If it has ended.
    pub fn read(self) -> io::Result<Duration> {
        let mut time = libc::timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        // SAFETY: writes a timespec to where it points.
        if unsafe { libc::clock_gettime(self.0, &raw mut time) } != 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(Duration::new(time.tv_sec as u64, time.tv_nsec as u32))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_to_this_process_agree() {
        let by_pid = CpuClock::of(std::process::id()).unwrap();
        let before = CpuClock::OWN.read().unwrap();
        let between = by_pid.read().unwrap();
        let after = CpuClock::OWN.read().unwrap();
        assert!(
            before <= between && between <= after,
            "{before:?} {between:?} {after:?}"
        );
    }
}
