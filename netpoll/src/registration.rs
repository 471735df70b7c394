//! An fd's membership in the poller: from [`Registration::new`] until it is dropped, events reach its
//! descriptor.
//!
//! [`Socket`](crate::socket) holds one next to the fd it is about. It must be dropped before the fd is
//! closed: a closed fd's number may be another's at once, and a registration of the old one might outlive it
//! (a `dup` or a forked child keeps the kernel's entry alive).

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};

use gort_runtime_core::{WaitReason, is_forked};
use mio::Interest;
use mio::event::Source;
use mio::unix::SourceFd;

use crate::desc::PollDesc;
use crate::desc::side::Side;
use crate::desc::slab::{Key, Slab};
use crate::poll::NetPoll;

/// Every descriptor of the process.
pub(crate) static SLAB: Slab = Slab::new();

/// Which side of an fd.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    Read,
    Write,
}

impl Direction {
    /// Why a G waits for this side, unless there is more to say.
    pub(crate) fn reason(self) -> WaitReason {
        match self {
            Direction::Read => WaitReason::IoRead,
            Direction::Write => WaitReason::IoWrite,
        }
    }
}

/// What is worth a try before the first event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Start {
    /// Everything: the fd is in working order. Saves a wait if something is there already.
    Ready,
    /// Reading, but not writing: a connection that is being made; that it can be written will say that it is.
    Connecting,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Registration {
    poller: &'static NetPoll,
    desc: &'static PollDesc,
    key: Key,
    /// Open as long as this lives.
    fd: RawFd,
}

impl Registration {
    /// Registers `fd`, edge-triggered. The caller keeps it open until the registration has been dropped, and
    /// non-blocking.
    pub(crate) fn new(fd: BorrowedFd<'_>, interest: Interest, start: Start) -> io::Result<Self> {
        let poller = NetPoll::get()?;
        let (key, desc) = SLAB.open(true, start == Start::Ready);
        let fd = fd.as_raw_fd();
        if let Err(error) = SourceFd(&fd).register(poller.registry(), key.token(), interest) {
            SLAB.close(key);
            return Err(error);
        }
        Ok(Registration {
            poller,
            desc,
            key,
            fd,
        })
    }

    pub(crate) fn side(&self, direction: Direction) -> &Side {
        match direction {
            Direction::Read => &self.desc.read,
            Direction::Write => &self.desc.write,
        }
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        // The kernel's entry is shared with the parent, which still waits for it.
        if is_forked() {
            return;
        }
        // It can only fail if the fd is not registered any more, and then there is nothing to undo.
        let _ = SourceFd(&self.fd).deregister(self.poller.registry());
        SLAB.close(self.key);
    }
}
