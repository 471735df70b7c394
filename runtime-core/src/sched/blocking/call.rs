//! [`Call`]: a closure on a parked G's stack, while a blocking thread runs it.
//!
//! The call lies in the frame of [`run`](Call::run), which does not end before `done`: the queue that holds it and the
//! thread that runs it are gone from it by then. Whoever says `done` touches it no more.

use std::cell::{Cell, UnsafeCell};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Poll, Waker};

use crate::g::Gp;
use crate::sched::blocking::pool::{POOL, Work};
use crate::sched::park::wait;
use crate::throw;
use crate::wait_reason::WaitReason;

pub(super) struct Call<'a> {
    /// Who waits for it.
    g: Gp,
    /// The thread's that took the call out of the queue, until `done`.
    f: UnsafeCell<&'a mut (dyn FnMut() + Send)>,
    /// Under the pool's lock.
    waker: Cell<Option<Waker>>,
    /// The queue's link: under the pool's lock.
    next: Cell<Option<CallPtr>>,
    /// It has ended. Set under the pool's lock.
    done: AtomicBool,
}

/// No thread runs the call: the system refuses one.
#[derive(Debug)]
pub(super) struct Refused;

impl<'a> Call<'a> {
    pub(super) fn new(g: Gp, f: &'a mut (dyn FnMut() + Send)) -> Call<'a> {
        Call {
            g,
            f: UnsafeCell::new(f),
            waker: Cell::new(None),
            next: Cell::new(None),
            done: AtomicBool::new(false),
        }
    }

    /// Parks the G, which may park, until a blocking thread has run the call.
    ///
    /// # Errors
    /// When no thread is to be had. The call was not run, and nobody else knows it.
    #[track_caller]
    pub(super) fn run(self) -> Result<(), Refused> {
        let call = CallPtr(NonNull::from(&self).cast());
        let stays = Stays;
        let mut submitted = false;
        let result = wait(WaitReason::Blocking, |cx| {
            if self.done.load(Ordering::Acquire) {
                return Poll::Ready(Ok(()));
            }
            let waker = cx.waker().clone();
            if submitted {
                // A wake for another wait, or (the stack that parking takes cannot be had) this thread now waits.
                return if POOL.rewake(call, waker) {
                    Poll::Pending
                } else {
                    Poll::Ready(Ok(()))
                };
            }
            submitted = true;
            self.waker.set(Some(waker));
            if POOL.submit(Work::Call(call)) {
                return Poll::Pending;
            }
            Poll::Ready(Err(Refused))
        });
        std::mem::forget(stays);
        result
    }
}

/// Ends the process rather than have the frame of a call go before the call has ended.
struct Stays;

impl Drop for Stays {
    fn drop(&mut self) {
        throw(format_args!("a goroutine left its blocking call"))
    }
}

/// A call that has not ended.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct CallPtr(NonNull<Call<'static>>);

// SAFETY: what it points to is handed on under the pool's lock; its closure is Send.
unsafe impl Send for CallPtr {}

impl CallPtr {
    /// The reference is only good while the call has not ended.
    fn call<'a>(self) -> &'a Call<'static> {
        // SAFETY: `Call::run` waits for the end, and whoever holds this comes before it.
        unsafe { self.0.as_ref() }
    }

    pub(super) fn g(self) -> Gp {
        self.call().g
    }

    /// Calls the closure.
    ///
    /// # Safety
    /// The caller took the call out of the queue, and does this once.
    pub(super) unsafe fn execute(self) {
        // SAFETY: the thread that took it has it alone, until `done`. What the closure borrows lives as long as the
        // frame of whoever waits; it is Send.
        unsafe { (*self.call().f.get())() }
    }

    /// Has another waker woken at the end. The old one is the caller's to drop, outside of the lock. None: it has ended.
    /// Under the pool's lock.
    pub(super) fn replace_waker(self, waker: Waker) -> Result<Option<Waker>, Waker> {
        let call = self.call();
        if call.done.load(Ordering::Relaxed) {
            return Err(waker);
        }
        Ok(call.waker.replace(Some(waker)))
    }

    /// The end: who waits is to be woken, outside of the lock. Under the pool's lock.
    pub(super) fn finish(self) -> Option<Waker> {
        let call = self.call();
        let waker = call.waker.take();
        // Release: what the closure did is seen by whoever waited. The last touch.
        call.done.store(true, Ordering::Release);
        waker
    }
}

/// A FIFO of calls through their own links, under the pool's lock.
pub(super) struct CallList {
    head: Option<CallPtr>,
    tail: Option<CallPtr>,
    len: usize,
}

impl CallList {
    pub(super) const fn new() -> CallList {
        CallList {
            head: None,
            tail: None,
            len: 0,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn push_back(&mut self, call: CallPtr) {
        call.call().next.set(None);
        match self.tail.replace(call) {
            Some(tail) => tail.call().next.set(Some(call)),
            None => self.head = Some(call),
        }
        self.len += 1;
    }

    pub(super) fn pop_front(&mut self) -> Option<CallPtr> {
        let call = self.head?;
        self.head = call.call().next.take();
        if self.head.is_none() {
            self.tail = None;
        }
        self.len -= 1;
        Some(call)
    }

    /// Takes `call` out. False: it is not there.
    pub(super) fn remove(&mut self, call: CallPtr) -> bool {
        let mut before = None;
        let mut at = self.head;
        while let Some(here) = at {
            let next = here.call().next.get();
            if here != call {
                (before, at) = (at, next);
                continue;
            }
            match before {
                Some(before) => CallPtr::call(before).next.set(next),
                None => self.head = next,
            }
            if self.tail == Some(call) {
                self.tail = before;
            }
            self.len -= 1;
            return true;
        }
        false
    }
}
