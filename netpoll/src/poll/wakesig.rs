//! How a blocked poll is interrupted: an eventfd, written at most once for each time somebody blocks.
//!
//! [`NetPoll`](super::NetPoll) alone uses it: its polling M calls `enter` and `leave`, anyone calls `wake`.
//! Go: netpoll_epoll.go netpollWakeSig.
//!
//! ```text
//!            enter: block                    wake: write the eventfd
//!   IDLE ------------------> BLOCKED ---------------------------------+
//!    |  ^                       | leave                               v
//!    |  +-----------------------+------------ enter: do not block - WOKEN
//!    |                                        leave                   ^
//!    +------------------------ wake: nothing to write ----------------+
//! ```

use std::io;
use std::sync::atomic::AtomicU8;
use std::sync::atomic::Ordering::AcqRel;

use mio::{Registry, Token, Waker};

/// Nobody is blocked, and nobody asked that the next one should not.
const IDLE: u8 = 0;
/// An M is blocked in the kernel, or about to be.
const BLOCKED: u8 = 1;
/// The blocked M, or else the next that wants to block, is to return.
const WOKEN: u8 = 2;

#[derive(Debug)]
pub(crate) struct WakeSig {
    state: AtomicU8,
    eventfd: Waker,
}

impl WakeSig {
    pub(crate) fn new(registry: &Registry, token: Token) -> io::Result<Self> {
        Ok(WakeSig {
            state: AtomicU8::new(IDLE),
            eventfd: Waker::new(registry, token)?,
        })
    }

    /// The polling M wants to block. `false`: it was woken already, and must not.
    #[must_use]
    pub(crate) fn enter(&self) -> bool {
        if self.state.swap(BLOCKED, AcqRel) == WOKEN {
            self.leave();
            return false;
        }
        true
    }

    /// The polling M is back from the kernel, for whatever reason: that is what every `wake` so far wanted.
    pub(crate) fn leave(&self) {
        // AcqRel: what a waker did before it called `wake` is seen by whoever it made return.
        self.state.swap(IDLE, AcqRel);
    }

    /// See [`Poller::wake`](gort_runtime_core::poller::Poller::wake).
    pub(crate) fn wake(&self) {
        // An eventfd that is written after the M has left makes one later poll return early, which is
        // harmless.
        if self.state.swap(WOKEN, AcqRel) == BLOCKED {
            self.eventfd
                .wake()
                .expect("writing an eventfd of our own cannot fail");
        }
    }
}

#[cfg(all(test, not(loom)))]
impl WakeSig {
    /// Whether an M is blocked, or about to be.
    pub(crate) fn is_blocked(&self) -> bool {
        self.state.load(std::sync::atomic::Ordering::Acquire) == BLOCKED
    }
}
