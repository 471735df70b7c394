//! [`JoinHandle`]: the owner's end of a task or goroutine.
//!
//! A handle holds one reference to the G's memory and, while the state says JOIN_INTEREST, the right to the
//! output. The G's slot for a waker changes hands with JOIN_WAKER: while that is set the completing M may empty the
//! slot, otherwise it is the handle's.

use std::fmt;
use std::marker::PhantomData;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use gort_runtime_core::state::{JoinSlot, State};
use gort_runtime_core::{
    Gp, WaitReason, may_drop_here, poll_proceed, reap_output, release, release_taken, waits_for,
};

use super::cell::{self, Ended};
use super::{Id, JoinError};

/// Joins a task or a goroutine: a future of its output, and [`wait`](JoinHandle::wait) for code that is not async.
///
/// Dropping the handle detaches: the task or goroutine goes on, and its output is dropped when it ends, on a
/// goroutine's stack (that of a [`spawn_local`](super::spawn_local) task on its thread).
///
/// # Cancel safety
///
/// `&mut handle` in a `select!` or a timeout that is dropped loses nothing: the output stays until the handle
/// takes it.
///
/// # Panics
///
/// Polling it again after it was ready panics.
///
/// # Examples
///
/// ```
/// let goroutine = gort::go(|| 1);
/// let task = gort::spawn(async move { goroutine.await.unwrap() + 1 });
/// assert_eq!(task.wait().unwrap(), 2);
/// ```
pub struct JoinHandle<T> {
    g: Gp,
    /// The output has been moved out. Of a dead G it was this handle's alone, so the state word need not be told
    /// before the handle goes.
    taken: bool,
    output: PhantomData<*const T>,
}

// SAFETY: a handle gives out a T at most once, or has it dropped: that takes Send, and the G's memory is anyone's.
unsafe impl<T: Send> Send for JoinHandle<T> {}
// SAFETY: a shared handle never reaches the T.
unsafe impl<T: Send> Sync for JoinHandle<T> {}
impl<T> UnwindSafe for JoinHandle<T> {}
impl<T> RefUnwindSafe for JoinHandle<T> {}
impl<T> Unpin for JoinHandle<T> {}

impl<T> JoinHandle<T> {
    /// # Safety
    /// `g` was made by [`cell::new`] for a body that gives a `T`, and this takes over the handle's reference.
    pub(super) unsafe fn new(g: Gp) -> JoinHandle<T> {
        JoinHandle {
            g,
            taken: false,
            output: PhantomData,
        }
    }

    /// Waits until the task or goroutine has ended.
    ///
    /// What [`Wait::wait`](crate::Wait::wait) does, without the trait's `use`.
    ///
    /// # Errors
    ///
    /// If it panicked, that panic.
    ///
    /// # Examples
    ///
    /// ```
    /// assert_eq!(gort::go(|| 6 * 7).wait().unwrap(), 42);
    /// assert!(gort::go(|| panic!("boom")).wait().is_err());
    /// ```
    #[track_caller]
    pub fn wait(mut self) -> Result<T, JoinError> {
        gort_runtime_core::wait(WaitReason::Join, |cx| Pin::new(&mut self).poll(cx))
    }

    /// Whether the task or goroutine has ended. If so, joining it gives its output at once.
    ///
    /// # Examples
    ///
    /// ```
    /// let mut task = gort::spawn(async {});
    /// while !task.is_finished() {
    ///     gort::block_on(gort::task::yield_now());
    /// }
    /// ```
    pub fn is_finished(&self) -> bool {
        self.state().is_complete()
    }

    /// The number of the task or goroutine.
    pub fn id(&self) -> Id {
        // SAFETY: the handle's reference.
        Id(unsafe { self.g.goid() })
    }

    fn state(&self) -> &State {
        // SAFETY: the handle's reference, for as long as the handle lives.
        unsafe { self.g.state() }
    }

    /// Leaves `waker` to be woken at the end. Complete: there is nothing to wait for, and the slot is empty.
    fn register(&mut self, waker: &Waker) -> JoinSlot {
        // Who clears JOIN_WAKER is this handle alone, so unless it is set the slot is ours already.
        if self.state().has_join_waker() && self.state().join_unset_waker() == JoinSlot::Complete {
            return JoinSlot::Complete;
        }
        let slot = self.g;
        // SAFETY: the handle's reference; with JOIN_WAKER not set the slot is the handle's, and `&mut self` the only
        // way to it. Cloning a waker runs code of its owner's, which cannot get at this handle.
        let slot = unsafe { &mut *slot.join_waker() };
        let old = match slot {
            Some(old) if old.will_wake(waker) => None,
            _ => slot.replace(waker.clone()),
        };
        let registered = self.state().join_set_waker();
        if registered == JoinSlot::Complete {
            // SAFETY: as above: it was not given away.
            drop(unsafe { (*self.g.join_waker()).take() });
        }
        // Last: its destructor may be anyone's, and may panic.
        drop(old);
        registered
    }

    /// Moves the output out of a G that has completed.
    fn take(&mut self) -> Ended<T> {
        assert!(
            !std::mem::replace(&mut self.taken, true),
            "a JoinHandle was polled after it was ready"
        );
        // SAFETY: OUTPUT said that an output lies there, and it was the handle's; `new`'s promise names its type.
        unsafe { cell::output::<T>(self.g).read() }
    }
}

impl<T> Future for JoinHandle<T> {
    type Output = Result<T, JoinError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<T, JoinError>> {
        if self.is_finished() || self.register(cx.waker()) == JoinSlot::Complete {
            ready!(poll_proceed(cx));
            return Poll::Ready(self.take());
        }
        waits_for(WaitReason::Join);
        Poll::Pending
    }
}

impl<T> Drop for JoinHandle<T> {
    fn drop(&mut self) {
        if self.taken {
            // SAFETY: the handle's reference, used no more; `take` found a dead G and took its output.
            unsafe { release_taken(self.g) };
            return;
        }
        let dropped = self.state().drop_handle();
        let waker = if dropped.drop_waker {
            // SAFETY: the handle's reference; the transition has given the slot back to it.
            unsafe { (*self.g.join_waker()).take() }
        } else {
            None
        };
        if !dropped.drop_output {
            // SAFETY: the handle's reference, used no more.
            unsafe { release(self.g) };
        // SAFETY: the handle's reference.
        } else if unsafe { may_drop_here(self.g) } {
            // SAFETY: the output lies there and is the handle's; `new`'s promise names its type.
            unsafe { cell::drop_output::<T>(self.g) };
            let had_output = self.state().take_output();
            debug_assert!(had_output);
            // SAFETY: the handle's reference, used no more.
            unsafe { release(self.g) };
        } else {
            // SAFETY: the handle's reference, and its right to the output, both given away.
            unsafe { reap_output(self.g) };
        }
        // Last: its destructor may be anyone's, and may panic.
        drop(waker);
    }
}

impl<T> fmt::Debug for JoinHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinHandle")
            .field("id", &self.id())
            .field("is_finished", &self.is_finished())
            .finish()
    }
}
