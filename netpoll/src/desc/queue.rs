//! The FIFO of those who wait for one side of an fd: an intrusive list of nodes that live in the waiting
//! futures.
//!
//! Only [`Side`](super::side::Side) calls it, always under its lock. It never runs a waker: it takes
//! them in and hands them out.
//!
//! ```text
//!            insert                pop (the event's, or passed on)
//!   IDLE ---------------> QUEUED ---------------------------------> NOTIFIED
//!     ^                     |                                          |
//!     |       remove        |                                          |
//!     +---------------------+------ settled: the owner has used or ----+
//!                                   passed on what it was woken for
//! ```

use std::cell::UnsafeCell;
use std::marker::PhantomPinned;
use std::ptr::NonNull;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::task::Waker;

use crate::sync::AtomicU8;

/// In no queue, and owes nothing to anybody.
const IDLE: u8 = 0;
/// In the queue, which holds a pointer to the node and its waker.
const QUEUED: u8 = 1;
/// Popped. The queue knows it no more; its owner holds the baton (netpoll/README.md).
const NOTIFIED: u8 = 2;

/// Ticket of a node that was never queued.
const NO_TICKET: u32 = 0;

/// A waiter's place in a [`Queue`]. It is pinned, and its owner takes it out before it goes.
#[derive(Debug)]
pub(crate) struct Node {
    /// Written under the lock, except that the owner may go from NOTIFIED to IDLE without it. Read by the
    /// owner at any time.
    state: AtomicU8,
    /// Under the lock.
    links: UnsafeCell<Links>,
    _pin: PhantomPinned,
}

#[derive(Debug)]
struct Links {
    prev: Option<NonNull<Node>>,
    next: Option<NonNull<Node>>,
    waker: Option<Waker>,
    /// Its order of arrival, which it keeps when it must queue again.
    ticket: u32,
}

// SAFETY: `links` is touched under the side's lock only, and what it holds (wakers, pointers to nodes that
// are themselves protected so) may be touched from any thread.
unsafe impl Send for Node {}
// SAFETY: as above; `state` is atomic.
unsafe impl Sync for Node {}

impl Node {
    pub(crate) fn new() -> Self {
        let links = Links {
            prev: None,
            next: None,
            waker: None,
            ticket: NO_TICKET,
        };
        Node {
            state: AtomicU8::new(IDLE),
            links: UnsafeCell::new(links),
            _pin: PhantomPinned,
        }
    }

    /// Whether the node has no business with any queue.
    pub(crate) fn is_idle(&self) -> bool {
        self.state.load(Relaxed) == IDLE
    }

    /// Whether a queue holds this node. Exact under the lock, else it may just have been popped.
    pub(crate) fn is_queued(&self) -> bool {
        // Acquire: pairs with the Release in `pop`, after which the notifier touches the node no more.
        self.state.load(Acquire) == QUEUED
    }

    /// The owner of a popped node has passed on, or used, what it was woken for.
    pub(crate) fn settle(&self) {
        self.state.store(IDLE, Relaxed);
    }
}

/// First come, first woken.
#[derive(Debug)]
pub(crate) struct Queue {
    head: Option<NonNull<Node>>,
    tail: Option<NonNull<Node>>,
    last_ticket: u32,
}

// SAFETY: the nodes behind the pointers are Send and Sync, and stay where they are while they are queued.
unsafe impl Send for Queue {}

impl Queue {
    pub(crate) fn new() -> Self {
        Queue {
            head: None,
            tail: None,
            last_ticket: NO_TICKET,
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.head.is_none()
    }

    /// Puts `node` where its ticket belongs: at the end, or before all that came after it if it had been
    /// woken for nothing.
    ///
    /// # Safety
    /// The lock is held, `node` is not queued, and it stays in place until it is popped or removed.
    pub(crate) unsafe fn insert(&mut self, node: &Node, waker: Waker) {
        // SAFETY: the lock is held (caller), and it is what protects links.
        let links = unsafe { &mut *node.links.get() };
        links.waker = Some(waker);
        let next = if links.ticket == NO_TICKET {
            self.last_ticket = self.last_ticket.wrapping_add(1);
            if self.last_ticket == NO_TICKET {
                self.last_ticket += 1;
            }
            links.ticket = self.last_ticket;
            None
        } else {
            // SAFETY: the lock is held (caller).
            unsafe { self.first_after(links.ticket) }
        };
        let this = NonNull::from(node);
        let prev = match next {
            // SAFETY: a queued node is alive and in place (insert's contract); the lock is held.
            Some(next) => unsafe { (*next.as_ref().links.get()).prev.replace(this) },
            None => self.tail.replace(this),
        };
        match prev {
            // SAFETY: as above.
            Some(prev) => unsafe { (*prev.as_ref().links.get()).next = Some(this) },
            None => self.head = Some(this),
        }
        links.prev = prev;
        links.next = next;
        node.state.store(QUEUED, Relaxed);
    }

    /// The first node that came after `ticket`.
    ///
    /// # Safety
    /// The lock is held.
    unsafe fn first_after(&self, ticket: u32) -> Option<NonNull<Node>> {
        let mut at = self.head;
        while let Some(node) = at {
            // SAFETY: queued nodes are alive and in place (insert's contract); the lock is held (caller).
            let links = unsafe { &*node.as_ref().links.get() };
            // Tickets wrap: compare their distance.
            if (links.ticket.wrapping_sub(ticket) as i32) > 0 {
                break;
            }
            at = links.next;
        }
        at
    }

    /// Replaces the waker of a queued node unless it would wake the same; returns the one not needed.
    ///
    /// # Safety
    /// The lock is held, and `node` is in this queue.
    pub(crate) unsafe fn renew(&mut self, node: &Node, waker: Waker) -> Option<Waker> {
        // SAFETY: the lock is held (caller).
        let links = unsafe { &mut *node.links.get() };
        match &links.waker {
            Some(held) if held.will_wake(&waker) => Some(waker),
            _ => links.waker.replace(waker),
        }
    }

    /// Takes the first node out and hands its waker over: its owner holds the baton now.
    pub(crate) fn pop(&mut self) -> Option<Waker> {
        let head = self.head?;
        // SAFETY: queued nodes are alive and in place (insert's contract). We have `&mut self`, and a queue
        // is reached under the lock only.
        let waker = unsafe { self.unlink(head.as_ref()) };
        // SAFETY: as above. Release: the last touch; the owner, once it sees it, may free the node.
        unsafe { head.as_ref() }.state.store(NOTIFIED, Release);
        waker
    }

    /// Takes `node` out of the queue; returns its waker, to be dropped outside the lock.
    ///
    /// # Safety
    /// The lock is held, and `node` is in this queue.
    pub(crate) unsafe fn remove(&mut self, node: &Node) -> Option<Waker> {
        // SAFETY: the caller's promise.
        let waker = unsafe { self.unlink(node) };
        node.state.store(IDLE, Relaxed);
        waker
    }

    /// # Safety
    /// The lock is held, and `node` is in this queue.
    unsafe fn unlink(&mut self, node: &Node) -> Option<Waker> {
        // SAFETY: the lock is held (caller).
        let links = unsafe { &mut *node.links.get() };
        let (prev, next) = (links.prev.take(), links.next.take());
        match prev {
            // SAFETY: neighbours are queued, hence alive and in place; the lock is held.
            Some(prev) => unsafe { (*prev.as_ref().links.get()).next = next },
            None => self.head = next,
        }
        match next {
            // SAFETY: as above.
            Some(next) => unsafe { (*next.as_ref().links.get()).prev = prev },
            None => self.tail = prev,
        }
        links.waker.take()
    }
}
