//! A channel of one slot, made of a lock and wakers, and so the same on every runtime: what differs is how fast a
//! runtime wakes a task.

use std::future::poll_fn;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

/// Holds a message, without content, or none. For one sender and one receiver.
#[derive(Debug)]
pub(crate) struct Slot(Mutex<Inside>);

#[derive(Debug)]
struct Inside {
    full: bool,
    /// Who waits for `full` to change.
    waiter: Option<Waker>,
}

impl Slot {
    /// An empty one.
    pub(crate) fn new() -> Slot {
        Slot(Mutex::new(Inside {
            full: false,
            waiter: None,
        }))
    }

    /// Puts a message in once the slot is empty.
    pub(crate) fn put(&self) -> impl Future<Output = ()> + Send {
        poll_fn(|cx| self.poll_set(cx, true))
    }

    /// Takes the message out once there is one.
    pub(crate) fn take(&self) -> impl Future<Output = ()> + Send {
        poll_fn(|cx| self.poll_set(cx, false))
    }

    fn poll_set(&self, cx: &mut Context<'_>, full: bool) -> Poll<()> {
        let mut inside = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if inside.full == full {
            inside.waiter = Some(cx.waker().clone());
            return Poll::Pending;
        }
        inside.full = full;
        let waiter = inside.waiter.take();
        drop(inside);
        if let Some(waiter) = waiter {
            waiter.wake();
        }
        Poll::Ready(())
    }
}
