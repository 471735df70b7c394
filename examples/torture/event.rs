//! [`Event`]: what one sets and another waits for.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::task::{Context, Poll};

use futures_util::task::AtomicWaker;

/// A future that is ready once `set` was called, by anyone. Its clones are the same event; one may wait at a time.
#[derive(Clone, Default)]
pub(crate) struct Event(Arc<State>);

#[derive(Default)]
struct State {
    set: AtomicBool,
    waiter: AtomicWaker,
}

impl Event {
    pub(crate) fn new() -> Event {
        Event::default()
    }

    pub(crate) fn set(&self) {
        self.0.set.store(true, SeqCst);
        self.0.waiter.wake();
    }
}

impl Future for Event {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.0.waiter.register(cx.waker());
        // Afterwards: who sets it from now on finds the waker.
        if self.0.set.load(SeqCst) {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }
}
