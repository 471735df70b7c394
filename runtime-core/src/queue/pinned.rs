//! The queue of Gs that only one M may run: its own end for that M, an inbox for everybody else.
//!
//! The inbox is a stack that pushers build by CAS and the owner takes whole, so there is no ABA: nobody pops one.

use std::cell::UnsafeCell;
use std::ptr;
use std::sync::atomic::AtomicUsize;

use crate::atomic::{AtomicPtr, Ordering};
use crate::g::{G, Gp};
use crate::queue::list::GList;

/// One M's pinned Gs that are runnable.
pub(crate) struct Pinned {
    /// The home M's thread only.
    own: UnsafeCell<GList>,
    /// How many are in `own`. Written by the home M; a figure for others, it orders nothing.
    own_len: AtomicUsize,
    /// Pushed by anyone, emptied by the home M.
    inbox: AtomicPtr<G>,
}

// SAFETY: `own` is touched through `unsafe fn`s that only the home M's thread may call.
unsafe impl Sync for Pinned {}

impl Pinned {
    #[cfg(not(loom))]
    pub(crate) const fn new() -> Pinned {
        Pinned {
            own: UnsafeCell::new(GList::new()),
            own_len: AtomicUsize::new(0),
            inbox: AtomicPtr::new(ptr::null_mut()),
        }
    }

    /// Loom's atomics have no constant.
    #[cfg(loom)]
    pub(crate) fn new() -> Pinned {
        Pinned {
            own: UnsafeCell::new(GList::new()),
            own_len: AtomicUsize::new(0),
            inbox: AtomicPtr::new(ptr::null_mut()),
        }
    }

    /// Queues a G from any thread. The caller then wakes the home M (rule 7).
    pub(crate) fn push_remote(&self, g: Gp) {
        let mut head = self.inbox.load(Ordering::Relaxed);
        loop {
            g.g().link.set(Gp::from_ptr(head));
            // Release: the owner sees the link and all that the waker wrote.
            match self
                .inbox
                .compare_exchange_weak(head, g.as_ptr(), Ordering::Release, Ordering::Relaxed)
            {
                Ok(_) => return,
                Err(now) => head = now,
            }
        }
    }

    /// Queues a G at the tail.
    ///
    /// # Safety
    /// On the home M's thread.
    #[inline]
    pub(crate) unsafe fn push_own(&self, g: Gp) {
        // SAFETY: only this thread touches `own`, and no borrow of it outlives a method.
        let own = unsafe { &mut *self.own.get() };
        // Behind what others have queued before.
        if !self.inbox.load(Ordering::Relaxed).is_null() {
            self.drain(own);
        }
        own.push_back(g);
        self.own_len.store(own.len(), Ordering::Relaxed);
    }

    /// Takes the oldest G.
    ///
    /// # Safety
    /// On the home M's thread.
    #[inline]
    pub(crate) unsafe fn pop(&self) -> Option<Gp> {
        // SAFETY: as in `push_own`.
        let own = unsafe { &mut *self.own.get() };
        if !self.inbox.load(Ordering::Relaxed).is_null() {
            self.drain(own);
        }
        let g = own.pop_front()?;
        self.own_len.store(own.len(), Ordering::Relaxed);
        Some(g)
    }

    #[cold]
    fn drain(&self, own: &mut GList) {
        let mut next = Gp::from_ptr(self.inbox.swap(ptr::null_mut(), Ordering::Acquire));
        let mut reversed: Option<Gp> = None;
        while let Some(g) = next {
            next = g.g().link.replace(reversed);
            reversed = Some(g);
        }
        while let Some(g) = reversed {
            reversed = g.g().link.take();
            own.push_back(g);
        }
    }

    /// Whether something is queued, as others see it: the home M may be about to take it. It is so of an M at rest, for
    /// who holds the sched lock.
    #[cfg(not(loom))]
    pub(crate) fn has_any(&self) -> bool {
        !self.inbox.load(Ordering::Acquire).is_null() || self.own_len.load(Ordering::Relaxed) != 0
    }

    /// Whether nothing is queued.
    ///
    /// # Safety
    /// On the home M's thread.
    pub(crate) unsafe fn is_empty(&self) -> bool {
        // SAFETY: as in `push_own`.
        self.inbox.load(Ordering::Acquire).is_null() && unsafe { (*self.own.get()).is_empty() }
    }
}
