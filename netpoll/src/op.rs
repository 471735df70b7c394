//! One operation on one side of an fd: what trying it can say, and the future that waits until it is done.
//!
//! [`Socket`](crate::socket) makes them. Both faces are this future: `async fn`s await it, blocking calls
//! park in it. Dropping it at any point is fine: what it was woken for goes to the next waiter.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use gort_runtime_core::poll_proceed;

use crate::desc::queue::Node;
use crate::desc::side::{Park, Side};

/// What one system call moves at most: `i32::MAX` rounded down to a page, here to the largest there is (64 KiB).
const MAX_TRANSFER: usize = 0x7fff_0000;

/// What came of trying an operation.
#[derive(Debug)]
pub(crate) enum Attempt<T> {
    /// It is over (well or not), and there may be more to do.
    Done(T),
    /// It is over, and it moved less than asked: the kernel's buffer ran dry, or full.
    Short(T),
    /// Not now.
    WouldBlock,
}

impl<T> Attempt<io::Result<T>> {
    /// Tries `call`, again if a signal interrupts it. For operations that are all or nothing.
    pub(crate) fn whole(mut call: impl FnMut() -> io::Result<T>) -> Self {
        loop {
            match call() {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Attempt::WouldBlock,
                done => return Attempt::Done(done),
            }
        }
    }
}

impl Attempt<io::Result<usize>> {
    /// As `whole`, for a transfer of at most `asked` bytes on a stream.
    ///
    /// Nothing at all (0 bytes) is the end of the file, not a short transfer. Neither is the most that the system
    /// moves in one call.
    pub(crate) fn stream(asked: usize, call: impl FnMut() -> io::Result<usize>) -> Self {
        let asked = asked.min(MAX_TRANSFER);
        match Attempt::whole(call) {
            Attempt::Done(Ok(moved)) if 0 < moved && moved < asked => Attempt::Short(Ok(moved)),
            other => other,
        }
    }
}

/// Tries `run` whenever `side` is ready, until it is done.
#[derive(Debug)]
#[must_use = "futures do nothing unless they are polled"]
pub(crate) struct Op<'a, F> {
    side: &'a Side,
    run: F,
    /// Pinned with the future.
    node: Node,
}

impl<'a, F> Op<'a, F> {
    pub(crate) fn new(side: &'a Side, run: F) -> Self {
        Op {
            side,
            run,
            node: Node::new(),
        }
    }
}

impl<T, F: FnMut() -> Attempt<T>> Future for Op<'_, F> {
    type Output = T;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        // SAFETY: `node` is not moved out of `this`, and is used by shared reference only; `run` is not
        // pinned.
        let this = unsafe { self.get_unchecked_mut() };
        let (side, node) = (this.side, &this.node);
        ready!(poll_proceed(cx));
        loop {
            if let Some(done) = side.attempt(&mut this.run) {
                if node.is_idle() {
                    side.pass_on();
                } else {
                    side.leave(node);
                }
                return Poll::Ready(done);
            }
            // SAFETY: the node is used with this side only, is pinned since we are, and Drop leaves.
            match unsafe { side.park(node, cx.waker()) } {
                Park::Parked => return Poll::Pending,
                Park::Ready => {}
            }
        }
    }
}

impl<F> Drop for Op<'_, F> {
    fn drop(&mut self) {
        if !self.node.is_idle() {
            self.side.leave(&self.node);
        }
    }
}
