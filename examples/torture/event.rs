//! [`Event`]: what one sets and any number wait for.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

/// A future that is ready once `set` was called, by anyone. Its clones are the same event.
#[derive(Clone, Default)]
pub(crate) struct Event(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    set: bool,
    waiters: Vec<Waker>,
}

impl Event {
    pub(crate) fn new() -> Event {
        Event::default()
    }

    pub(crate) fn set(&self) {
        let waiters = self.with(|state| {
            state.set = true;
            std::mem::take(&mut state.waiters)
        });
        // Outside of the lock.
        waiters.into_iter().for_each(Waker::wake);
    }

    fn with<R>(&self, f: impl FnOnce(&mut State) -> R) -> R {
        f(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Future for Event {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let waker = cx.waker();
        // Cloned outside of the lock, like all that may be foreign.
        let mut mine = Some(waker.clone());
        self.with(|state| {
            if state.set {
                return Poll::Ready(());
            }
            if !state.waiters.iter().any(|other| other.will_wake(waker)) {
                state.waiters.extend(mine.take());
            }
            Poll::Pending
        })
    }
}
