//! What another thread of this process is doing: the CPU time that it has had, and whether it sleeps. For sysmon, which
//! asks rarely and never of itself. Must never block or allocate.

use std::io::{Cursor, Write};

/// Longer than any path below.
const PATH: usize = 48;
/// The state comes third in the file, behind a name of at most 64 bytes (proc_pid_stat(5)).
const HEAD: usize = 128;

/// The CPU time that the thread has had, in nanoseconds. None: there is no such thread, or no such clock.
pub fn thread_cpu_nanos(tid: u32) -> Option<u64> {
    /// include/linux/posix-timers_types.h: a clock of a thread, of what the scheduler counts.
    const CPUCLOCK_PERTHREAD_SCHED: i32 = 4 | 2;
    let clock = !(tid.cast_signed()) << 3 | CPUCLOCK_PERTHREAD_SCHED;
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `time` is ours to write.
    let result = unsafe { libc::clock_gettime(clock, &mut time) };
    const NANOS_PER_SEC: u64 = 1_000_000_000;
    (result == 0).then(|| time.tv_sec as u64 * NANOS_PER_SEC + time.tv_nsec as u64)
}

/// Whether the thread sleeps in the kernel: for an event (S) or for a device (D). A thread that waits for a processor
/// does not. None: /proc does not say.
pub fn thread_is_asleep(tid: u32) -> Option<bool> {
    let mut path = [0; PATH];
    let mut cursor = Cursor::new(&mut path[..]);
    write!(cursor, "/proc/self/task/{tid}/stat\0").ok()?;
    let mut head = [0; HEAD];
    // SAFETY: the path ends in NUL, and the buffer is ours to write. The descriptor is closed here.
    let len = unsafe {
        let fd = libc::open(path.as_ptr().cast(), libc::O_RDONLY | libc::O_CLOEXEC);
        if fd < 0 {
            return None;
        }
        let len = libc::read(fd, head.as_mut_ptr().cast(), head.len());
        libc::close(fd);
        len
    };
    state(head.get(..usize::try_from(len).ok()?)?).map(|state| matches!(state, b'S' | b'D'))
}

/// The state's letter: behind the name, which stands in parentheses and may have any in it.
fn state(stat: &[u8]) -> Option<u8> {
    let end = stat.iter().rposition(|byte| *byte == b')')?;
    stat.get(end + 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::gettid;
    use std::sync::mpsc;

    #[test]
    fn the_state_stands_behind_the_name() {
        assert_eq!(state(b"12 (a b) S 1 2"), Some(b'S'));
        assert_eq!(state(b"12 (a) R (b)) D 1 2"), Some(b'D'));
        assert_eq!(state(b"12 (a"), None);
        assert_eq!(state(b"12 (a)"), None);
    }

    #[test]
    fn a_sleeper_sleeps_and_a_runner_runs() {
        let own = gettid();
        assert_eq!(thread_is_asleep(own), Some(false));
        let before = thread_cpu_nanos(own).unwrap();
        while thread_cpu_nanos(own).unwrap() == before {}

        let (tell, told) = mpsc::channel();
        let (wake, woken) = mpsc::channel::<()>();
        let sleeper = std::thread::spawn(move || {
            tell.send(gettid()).unwrap();
            woken.recv().unwrap();
        });
        let tid = told.recv().unwrap();
        while thread_is_asleep(tid) != Some(true) {
            std::thread::yield_now();
        }
        let cpu = thread_cpu_nanos(tid).unwrap();
        std::thread::yield_now();
        assert_eq!(thread_cpu_nanos(tid), Some(cpu));
        wake.send(()).unwrap();
        sleeper.join().unwrap();
        assert_eq!(thread_is_asleep(u32::MAX >> 1), None);
        assert_eq!(thread_cpu_nanos(u32::MAX >> 4), None);
    }
}
