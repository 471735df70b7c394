//! What the scheduler needs of a network poller. `netpoll` implements it with mio; this crate never names mio.

use std::io;
use std::task::Waker;

/// How long [`Poller::poll`] may block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delay {
    /// Not at all.
    Now,
    /// At most so many nanoseconds. The poller is precise: it does not round up to milliseconds.
    Nanos(u64),
    /// Until something is ready or [`Poller::wake`] is called.
    Forever,
}

/// A source of readiness that an idle M can block in.
///
/// `poll` runs on g0: an implementation must not run user code, must not enter the global allocator
/// and hands every waker it takes to `ready`, which recognises gort's own and defers all others.
pub trait Poller: Send + Sync {
    /// Waits at most `delay` for readiness and passes each waker that is due to `ready`.
    ///
    /// Several Ms may call it at once; only one of them needs to block.
    ///
    /// # Errors
    /// When the operating system refuses to wait.
    fn poll(&self, delay: Delay, ready: &mut dyn FnMut(Waker)) -> io::Result<()>;

    /// Makes a `poll` that blocks, or else the next one that would block, return.
    fn wake(&self);

    /// Whether anybody waits for readiness. On g0, under the sched lock: it takes no lock and makes no system call.
    ///
    /// A waiter that `poll` has taken out and not passed to `ready` yet need not count.
    fn has_waiters(&self) -> bool;
}
