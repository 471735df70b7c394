//! Time: the monotonic clock and short sleeps. Called by every layer, by `nanotime` on hot paths.
//! Must never block but in [`usleep`].

/// Nanoseconds in a second.
const NANOS_PER_SEC: u64 = 1_000_000_000;
/// Nanoseconds in a microsecond.
const NANOS_PER_MICRO: u64 = 1_000;
/// Microseconds in a second.
const MICROS_PER_SEC: u32 = 1_000_000;

/// `CLOCK_MONOTONIC` in nanoseconds. Answered by the vDSO without a system call.
#[inline]
pub fn nanotime() -> u64 {
    let mut now = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `now` is a timespec of ours to write. The call cannot fail: CLOCK_MONOTONIC always exists.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &mut now) };
    now.tv_sec as u64 * NANOS_PER_SEC + now.tv_nsec as u64
}

/// The CPU time in nanoseconds that all threads of the process have used.
pub fn process_cpu_time() -> u64 {
    let mut used = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `used` is a timespec of ours to write. The call cannot fail: every process has this clock.
    unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &mut used) };
    used.tv_sec as u64 * NANOS_PER_SEC + used.tv_nsec as u64
}

/// Lets another thread of this CPU run.
pub fn sched_yield() {
    // SAFETY: no arguments, no memory.
    unsafe { libc::sched_yield() };
}

/// Sleeps the thread for `micros` microseconds, or less if a signal comes (as Go's `usleep`).
pub fn usleep(micros: u32) {
    let wanted = libc::timespec {
        tv_sec: i64::from(micros / MICROS_PER_SEC),
        tv_nsec: i64::from(micros % MICROS_PER_SEC) * NANOS_PER_MICRO as i64,
    };
    // SAFETY: `wanted` is a valid timespec (tv_nsec below 10^9); the remainder is not asked for.
    unsafe { libc::nanosleep(&wanted, std::ptr::null_mut()) };
}

/// `nanos` nanoseconds as a timespec; too long a time becomes the longest one.
pub(super) fn timespec(nanos: u64) -> libc::timespec {
    libc::timespec {
        tv_sec: (nanos / NANOS_PER_SEC) as i64,
        tv_nsec: (nanos % NANOS_PER_SEC) as i64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_computes_uses_cpu_time_of_the_process() {
        let before = process_cpu_time();
        let begun = nanotime();
        while process_cpu_time() - before < 1_000_000 {
            assert!(nanotime() - begun < 60 * NANOS_PER_SEC);
        }
    }

    #[test]
    fn the_clock_goes_forward_by_at_least_what_was_slept() {
        let before = nanotime();
        usleep(2_000);
        assert!(nanotime() - before >= 2_000 * NANOS_PER_MICRO);
    }
}
