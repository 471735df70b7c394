//! One side (read or write) of a [`PollDesc`](super::PollDesc): its readiness and who waits for it.
//!
//! The poller calls [`Side::event`] on g0; [`Op`](crate::op::Op) and [`Socket`](crate::socket) call the rest
//! from user code. Wakers are cloned, woken and dropped outside the lock only (ARCHITECTURE.md, rule 8), and no
//! system call is made under it. The protocol is proved in `netpoll/README.md`.

use std::sync::PoisonError;
use std::task::Waker;

use super::queue::{Node, Queue};
use super::slots::Slots;
use super::word::{Announce, Event, QUEUE, SLOTS, Seen, Word};
use crate::op::Attempt;
use crate::sync::{Mutex, MutexGuard};

/// Whether to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Park {
    /// The waker is kept and will be woken.
    Parked,
    /// Something happened meanwhile: try again.
    Ready,
}

/// Readiness and waiters of one direction. 64 bytes: a side does not share its cache line with the other.
#[derive(Debug)]
#[repr(align(64))]
pub(crate) struct Side {
    word: Word,
    /// Taken only by who has somebody to wake or has to wait.
    waiters: Mutex<Waiters>,
}

#[derive(Debug)]
struct Waiters {
    queue: Queue,
    slots: Slots,
}

impl Side {
    pub(crate) fn new() -> Self {
        Side {
            word: Word::new(),
            waiters: Mutex::new(Waiters {
                queue: Queue::new(),
                slots: Slots::new(),
            }),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiters> {
        // Nothing that can panic runs under the lock, so that a poisoned one is in order too.
        self.waiters.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is known of the side now.
    pub(crate) fn seen(&self) -> Seen {
        self.word.load()
    }

    pub(crate) fn has_waiters(&self) -> bool {
        self.word.load().has_waiters()
    }

    /// Tries the operation if it is worth a try, until it is done or nothing is left to try. `None`: it would
    /// block, wait for an event. This is the fast path of every face: one load if all goes well.
    pub(crate) fn attempt<T>(&self, op: &mut impl FnMut() -> Attempt<T>) -> Option<T> {
        loop {
            let seen = self.word.load();
            if !seen.is_ready() {
                return None;
            }
            match op() {
                Attempt::Done(done) => return Some(done),
                Attempt::Short(done) => {
                    self.word.clear_short(seen);
                    return Some(done);
                }
                Attempt::WouldBlock => self.word.clear_would_block(seen),
            }
        }
    }

    /// Wakes the next in the FIFO if there is something left for it. Called by everyone who is done with an
    /// operation or gives up a node that was notified.
    pub(crate) fn pass_on(&self) {
        let seen = self.word.load();
        if seen.is_ready() && seen.has_queue() {
            let next = self.pop(&mut self.lock());
            if let Some(waker) = next {
                waker.wake();
            }
        }
    }

    fn pop(&self, waiters: &mut MutexGuard<'_, Waiters>) -> Option<Waker> {
        let waker = waiters.queue.pop();
        if waiters.queue.is_empty() {
            self.word.retract(QUEUE);
        }
        waker
    }

    /// Queues `node`, or gives a queued one its new waker.
    ///
    /// # Safety
    /// `node` is used with this side only, is pinned, and [`Side::leave`] is called before it goes.
    pub(crate) unsafe fn park(&self, node: &Node, waker: &Waker) -> Park {
        let waker = waker.clone();
        let spare;
        let mut waiters = self.lock();
        let park = if node.is_queued() {
            // SAFETY: the lock is held, and it is this side's queue that holds the node (caller).
            spare = unsafe { waiters.queue.renew(node, waker) };
            Park::Parked
        } else {
            match self.word.announce(QUEUE) {
                Announce::Announced => {
                    // SAFETY: the lock is held; that the node stays is the caller's promise.
                    unsafe { waiters.queue.insert(node, waker) };
                    spare = None;
                    Park::Parked
                }
                Announce::Ready => {
                    spare = Some(waker);
                    Park::Ready
                }
            }
        };
        drop(waiters);
        drop(spare);
        park
    }

    /// Settles a node whose owner is done, or gives up: takes it out of the queue if it is there, and passes
    /// on what it may have been woken for.
    pub(crate) fn leave(&self, node: &Node) {
        if node.is_queued() {
            let mut waiters = self.lock();
            // It may have been popped before we had the lock.
            if node.is_queued() {
                // SAFETY: the lock is held, and only this side's queue holds the node (park's contract).
                let waker = unsafe { waiters.queue.remove(node) };
                if waiters.queue.is_empty() {
                    self.word.retract(QUEUE);
                }
                drop(waiters);
                drop(waker);
            }
        }
        node.settle();
        self.pass_on();
    }

    /// Keeps the waker of a `poll_*` caller until the next event.
    pub(crate) fn park_slot(&self, waker: &Waker) -> Park {
        let mut spare = Some(waker.clone());
        let mut crowd = None;
        let park = {
            let mut waiters = self.lock();
            match self.word.announce(SLOTS) {
                Announce::Announced => {
                    if !waiters.slots.holds(waker) {
                        crowd = spare.take().and_then(|waker| waiters.slots.add(waker));
                    }
                    Park::Parked
                }
                Announce::Ready => Park::Ready,
            }
        };
        if let Some(crowd) = crowd {
            crowd.drain(&mut Waker::wake);
        }
        park
    }

    /// An event for user `seq`: marks the side ready and hands the first of the FIFO and all the slots to
    /// `ready`.
    pub(crate) fn event(&self, seq: u32, sticky: bool, ready: &mut dyn FnMut(Waker)) {
        if self.word.event(seq, sticky) == Event::Wake {
            let (first, slots) = {
                let mut waiters = self.lock();
                let first = self.pop(&mut waiters);
                self.word.retract(SLOTS);
                (first, waiters.slots.take())
            };
            if let Some(waker) = first {
                ready(waker);
            }
            slots.drain(ready);
        }
    }

    /// The descriptor gets a user; `ready` if its first operation is to be tried at once.
    pub(crate) fn open(&self, ready: bool) {
        self.word.open(ready);
    }

    /// The descriptor loses its user, and forgets who waited. Those in the FIFO borrowed the user, so that they are
    /// futures that were leaked: the next user's events are not theirs.
    pub(crate) fn close(&self) {
        let leaked = || self.pop(&mut self.lock());
        while let Some(waker) = leaked() {
            drop(waker);
        }
        let slots = {
            let mut waiters = self.lock();
            self.word.close();
            waiters.slots.take()
        };
        drop(slots);
    }
}
