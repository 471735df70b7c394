//! What netpoll knows of one fd: readiness and waiters of its read side and its write side.
//!
//! The poller puts events in ([`PollDesc::event`]), sockets wait on a [`Side`](side::Side) of it. Nothing
//! here makes a system call. The memory is type-stable: a descriptor is recycled through the
//! [slab](slab), never freed, so that an event that comes late finds a descriptor (and is stale) instead
//! of freed memory. Go: netpoll.go pollDesc.

pub(crate) mod queue;
pub(crate) mod side;
pub(crate) mod slab;
pub(crate) mod slots;
pub(crate) mod word;

use std::task::Waker;

use side::Side;

/// What the poller learnt about an fd.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Readiness {
    /// Reading is worth a try.
    pub(crate) read: bool,
    /// Reading is, and a short read does not mean that nothing is left: end of file, an error or urgent
    /// data is pending.
    pub(crate) read_sticky: bool,
    /// Writing is worth a try.
    pub(crate) write: bool,
    /// Writing is, and will fail at once: the peer is gone or an error is pending.
    pub(crate) write_sticky: bool,
}

/// Go: netpoll.go pollDesc.
#[derive(Debug)]
pub(crate) struct PollDesc {
    pub(crate) read: Side,
    pub(crate) write: Side,
}

impl PollDesc {
    fn new() -> Self {
        PollDesc {
            read: Side::new(),
            write: Side::new(),
        }
    }

    /// Hands an event for user `seq` to whom it concerns. Runs on g0: `ready` gets every waker that is
    /// due and is called outside all of this descriptor's locks.
    pub(crate) fn event(&self, seq: u32, readiness: Readiness, ready: &mut dyn FnMut(Waker)) {
        if readiness.read || readiness.read_sticky {
            self.read.event(seq, readiness.read_sticky, ready);
        }
        if readiness.write || readiness.write_sticky {
            self.write.event(seq, readiness.write_sticky, ready);
        }
    }

    /// Whether anybody waits for this fd.
    pub(crate) fn has_waiters(&self) -> bool {
        self.read.has_waiters() || self.write.has_waiters()
    }
}

#[cfg(all(test, not(loom)))]
mod tests;
