//! The kernel's epoll, with a clock that ticks among the descriptors: one system call a turn, and none of it rounded
//! to milliseconds.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::time::Duration;

/// What the clock's events carry. Others carry small numbers.
const TICK: u64 = u64::MAX;

pub(crate) struct Epoll {
    fd: OwnedFd,
    ticks: OwnedFd,
    events: Vec<libc::epoll_event>,
}

/// What there was.
pub(crate) struct Ready<'a> {
    events: &'a [libc::epoll_event],
}

impl Epoll {
    /// With a clock that ticks so often from now on.
    pub(crate) fn new(tick: Duration, capacity: usize) -> io::Result<Epoll> {
        // SAFETY: only makes a descriptor, which is owned at once.
        let fd = unsafe { owned(libc::epoll_create1(libc::EPOLL_CLOEXEC))? };
        // SAFETY: as above.
        let ticks = unsafe {
            owned(libc::timerfd_create(
                libc::CLOCK_MONOTONIC,
                libc::TFD_CLOEXEC | libc::TFD_NONBLOCK,
            ))?
        };
        let tick = libc::timespec {
            tv_sec: tick.as_secs() as libc::time_t,
            tv_nsec: tick.subsec_nanos().into(),
        };
        let timer = libc::itimerspec {
            it_interval: tick,
            it_value: tick,
        };
        // SAFETY: reads an itimerspec from where it points.
        check(unsafe {
            libc::timerfd_settime(ticks.as_raw_fd(), 0, &raw const timer, std::ptr::null_mut())
        })?;
        let epoll = Epoll {
            fd,
            ticks,
            events: vec![libc::epoll_event { events: 0, u64: 0 }; capacity + 1],
        };
        epoll.register(&epoll.ticks, TICK)?;
        Ok(epoll)
    }

    /// `key` will be in [`Ready`] while there is something to read.
    pub(crate) fn add(&self, fd: &impl AsRawFd, key: usize) -> io::Result<()> {
        self.register(fd, key as u64)
    }

    fn register(&self, fd: &impl AsRawFd, data: u64) -> io::Result<()> {
        let mut event = libc::epoll_event {
            events: libc::EPOLLIN as u32,
            u64: data,
        };
        // SAFETY: reads an epoll_event from where it points.
        check(unsafe {
            libc::epoll_ctl(
                self.fd.as_raw_fd(),
                libc::EPOLL_CTL_ADD,
                fd.as_raw_fd(),
                &raw mut event,
            )
        })
    }

    /// Until there is something: the next tick at the latest.
    pub(crate) fn wait(&mut self) -> io::Result<Ready<'_>> {
        // SAFETY: writes to as many events as there are.
        let n = unsafe {
            libc::epoll_wait(
                self.fd.as_raw_fd(),
                self.events.as_mut_ptr(),
                self.events.len() as libc::c_int,
                -1,
            )
        };
        check(n)?;
        let events = &self.events[..n as usize];
        if events.iter().any(|event| { event.u64 } == TICK) {
            let mut count = 0_u64;
            // SAFETY: writes eight bytes to where it points. There are none if the clock was read meanwhile.
            let _ = unsafe { libc::read(self.ticks.as_raw_fd(), (&raw mut count).cast(), size_of::<u64>()) };
        }
        Ok(Ready { events })
    }
}

impl Ready<'_> {
    pub(crate) fn keys(&self) -> impl Iterator<Item = usize> {
        let keys = self.events.iter().map(|event| event.u64);
        keys.filter(|&key| key != TICK).map(|key| key as usize)
    }
}

fn check(result: libc::c_int) -> io::Result<()> {
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

/// # Safety
/// `fd` is what a system call made, and nobody else's.
unsafe fn owned(fd: libc::c_int) -> io::Result<OwnedFd> {
    check(fd)?;
    // SAFETY: the caller's promise.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}
