//! A P's run queue: a ring of 256 and `runnext` (Go: runqput, runqget, runqgrab, runqsteal).
//!
//! The owner (the M that holds the P) puts at the tail and takes at the head; thieves take half of the ring at the
//! head by one CAS, and `runnext` last. Generic over what it points to, so that loom can model it with numbers.

use std::ptr;

use crate::atomic::{AtomicPtr, AtomicU32, Ordering};

/// Go: runtime2.go p.runq. Small enough to overflow in a model.
pub(crate) const RING: usize = if cfg!(loom) { 4 } else { 256 };
const MASK: u32 = RING as u32 - 1;
/// What overflows at once: half of the ring and the newcomer (Go: runqputslow).
pub(crate) const OVERFLOW: usize = RING / 2 + 1;

pub(crate) struct RunQueue<T> {
    /// Moved by the owner and by thieves.
    head: AtomicU32,
    /// Moved by the owner only.
    tail: AtomicU32,
    /// Filled by the owner only; emptied by the owner or a thief.
    runnext: AtomicPtr<T>,
    /// A slot belongs to the owner unless head <= index < tail.
    ring: [AtomicPtr<T>; RING],
}

impl<T> RunQueue<T> {
    pub(crate) fn new() -> RunQueue<T> {
        RunQueue {
            head: AtomicU32::new(0),
            tail: AtomicU32::new(0),
            runnext: AtomicPtr::new(ptr::null_mut()),
            ring: std::array::from_fn(|_| AtomicPtr::new(ptr::null_mut())),
        }
    }

    fn slot(&self, index: u32) -> &AtomicPtr<T> {
        &self.ring[(index & MASK) as usize]
    }

    /// Puts `g` at the tail. A full ring gives its older half and `g`, in order, to `overflow`.
    ///
    /// # Safety
    /// Only the owner.
    #[inline]
    pub(crate) unsafe fn put(&self, g: *mut T, overflow: impl FnOnce(&[*mut T; OVERFLOW])) {
        loop {
            // Acquire: pairs with the thieves' Release; their reads of the slots are over before we overwrite.
            let head = self.head.load(Ordering::Acquire);
            let tail = self.tail.load(Ordering::Relaxed);
            if tail.wrapping_sub(head) < RING as u32 {
                self.slot(tail).store(g, Ordering::Relaxed);
                // Release: publishes the slot, and what `g` points to.
                self.tail.store(tail.wrapping_add(1), Ordering::Release);
                return;
            }
            if let Some(batch) = self.take_half(head, g) {
                overflow(&batch);
                return;
            }
        }
    }

    #[cold]
    fn take_half(&self, head: u32, g: *mut T) -> Option<[*mut T; OVERFLOW]> {
        const HALF: u32 = RING as u32 / 2;
        let mut batch = [ptr::null_mut(); OVERFLOW];
        for (i, out) in batch.iter_mut().take(HALF as usize).enumerate() {
            *out = self.slot(head.wrapping_add(i as u32)).load(Ordering::Relaxed);
        }
        batch[HALF as usize] = g;
        // Release: the reads above are done before a slot counts as free.
        self.head
            .compare_exchange(
                head,
                head.wrapping_add(HALF),
                Ordering::Release,
                Ordering::Relaxed,
            )
            .is_ok()
            .then_some(batch)
    }

    /// Makes `g` the next to run and returns the one that was, for `put`.
    ///
    /// # Safety
    /// Only the owner.
    #[inline]
    pub(crate) unsafe fn put_next(&self, g: *mut T) -> Option<*mut T> {
        // Only the owner fills the slot: empty stays empty, and a store will do. Release publishes `g`.
        if self.runnext.load(Ordering::Relaxed).is_null() {
            self.runnext.store(g, Ordering::Release);
            return None;
        }
        let old = self.runnext.swap(g, Ordering::AcqRel);
        (!old.is_null()).then_some(old)
    }

    /// Takes what is next to run.
    ///
    /// # Safety
    /// Only the owner.
    #[inline]
    pub(crate) unsafe fn get_next(&self) -> Option<*mut T> {
        let next = self.runnext.load(Ordering::Relaxed);
        if next.is_null() {
            return None;
        }
        // A failure means that a thief was faster.
        self.runnext
            .compare_exchange(next, ptr::null_mut(), Ordering::AcqRel, Ordering::Relaxed)
            .is_ok()
            .then_some(next)
    }

    /// Takes the oldest of the ring.
    ///
    /// # Safety
    /// Only the owner.
    #[inline]
    pub(crate) unsafe fn get(&self) -> Option<*mut T> {
        let mut head = self.head.load(Ordering::Acquire);
        loop {
            let tail = self.tail.load(Ordering::Relaxed);
            if tail == head {
                return None;
            }
            let g = self.slot(head).load(Ordering::Relaxed);
            // Release: as in `take_half`.
            match self.head.compare_exchange_weak(
                head,
                head.wrapping_add(1),
                Ordering::AcqRel,
                Ordering::Acquire,
            ) {
                Ok(_) => return Some(g),
                Err(now) => head = now,
            }
        }
    }

    /// Moves half of this ring, rounded up, into `thief`'s and returns the last of them to run. `take_next`: if the
    /// ring is empty, takes `runnext`.
    ///
    /// # Safety
    /// The caller owns `thief`, whose ring is empty; `self` is another queue.
    pub(crate) unsafe fn steal_into(&self, thief: &RunQueue<T>, take_next: bool) -> Option<*mut T> {
        let base = thief.tail.load(Ordering::Relaxed);
        let n = self.grab(thief, base, take_next);
        if n == 0 {
            return None;
        }
        let last = base.wrapping_add(n - 1);
        let g = thief.slot(last).load(Ordering::Relaxed);
        // Release: as in `put`.
        thief.tail.store(last, Ordering::Release);
        Some(g)
    }

    fn grab(&self, thief: &RunQueue<T>, base: u32, take_next: bool) -> u32 {
        loop {
            // Acquire head: pairs with other thieves. Acquire tail: pairs with `put`.
            let head = self.head.load(Ordering::Acquire);
            let tail = self.tail.load(Ordering::Acquire);
            let len = tail.wrapping_sub(head);
            let n = len - len / 2;
            if n == 0 {
                if !take_next {
                    return 0;
                }
                let next = self.runnext.load(Ordering::Relaxed);
                if next.is_null() {
                    return 0;
                }
                if self
                    .runnext
                    .compare_exchange(next, ptr::null_mut(), Ordering::AcqRel, Ordering::Relaxed)
                    .is_err()
                {
                    continue;
                }
                thief.slot(base).store(next, Ordering::Relaxed);
                return 1;
            }
            if n > RING as u32 / 2 {
                // Head and tail were read at different times.
                continue;
            }
            for i in 0..n {
                let g = self.slot(head.wrapping_add(i)).load(Ordering::Relaxed);
                thief.slot(base.wrapping_add(i)).store(g, Ordering::Relaxed);
            }
            // Release: as in `take_half`. A failure throws the copies away.
            if self
                .head
                .compare_exchange(head, head.wrapping_add(n), Ordering::AcqRel, Ordering::Relaxed)
                .is_ok()
            {
                return n;
            }
        }
    }

    /// How many are queued, as others see it.
    #[cfg(not(loom))]
    pub(crate) fn len(&self) -> usize {
        let head = self.head.load(Ordering::Acquire);
        let tail = self.tail.load(Ordering::Acquire);
        // Both may have gone on in between.
        (tail.wrapping_sub(head) as usize).min(RING) + usize::from(self.has_next())
    }

    /// Whether something is next to run.
    pub(crate) fn has_next(&self) -> bool {
        !self.runnext.load(Ordering::Acquire).is_null()
    }

    /// Whether there is more than the owner runs next. Only a hint: thieves may be at it.
    pub(crate) fn has_several(&self) -> bool {
        let head = self.head.load(Ordering::Relaxed);
        let tail = self.tail.load(Ordering::Relaxed);
        tail.wrapping_sub(head) + u32::from(self.has_next()) > 1
    }

    /// Whether nothing is queued (Go: runqempty). A G on its way from `runnext` to the ring is not missed.
    pub(crate) fn is_empty(&self) -> bool {
        loop {
            let head = self.head.load(Ordering::Acquire);
            let tail = self.tail.load(Ordering::Acquire);
            let next = self.has_next();
            if tail == self.tail.load(Ordering::Acquire) {
                return head == tail && !next;
            }
        }
    }

    /// Whether the ring itself has something that thieves find.
    pub(crate) fn ring_is_empty(&self) -> bool {
        self.head.load(Ordering::Acquire) == self.tail.load(Ordering::Acquire)
    }
}
