//! The wakers of those who wait through the `poll_*` face, which has no future to keep a node in.
//!
//! Only [`Side`](super::side::Side) calls it, always under its lock. It takes no part in the FIFO: a
//! `poll_*` caller may go away without a word, so it can hold no baton, and an event wakes all of them.
//! Usually there is one, and it is kept inline; `try_clone`d handles and `&TcpStream` may make it more. It
//! never runs a waker, and what it allocates comes from [`System`], since it grows under a lock and shrinks
//! on g0 (ARCHITECTURE.md, rule 8).

use std::task::Waker;

use allocator_api2::alloc::System;
use allocator_api2::boxed::Box;
use allocator_api2::vec::Vec;

/// So many wakers are kept before it is asked who is still there.
const FIRST_LIMIT: usize = 32;
/// It never becomes more than so many.
const LAST_LIMIT: usize = 1024;

/// A set of wakers.
#[derive(Debug)]
pub(crate) struct Slots {
    first: Option<Waker>,
    more: Option<Box<More, System>>,
}

#[derive(Debug)]
struct More {
    wakers: Vec<Waker, System>,
    limit: usize,
}

impl Slots {
    pub(crate) fn new() -> Self {
        Slots {
            first: None,
            more: None,
        }
    }

    /// Whether a waker that wakes the same is kept already.
    pub(crate) fn holds(&self, waker: &Waker) -> bool {
        let more = self.more.iter().flat_map(|more| more.wakers.iter());
        self.first.iter().chain(more).any(|held| held.will_wake(waker))
    }

    /// Keeps `waker`. Once too many are kept they are all returned, to be woken: who is still there comes
    /// back, and what was left behind by polls that were given up is gone.
    pub(crate) fn add(&mut self, waker: Waker) -> Option<Slots> {
        if self.first.is_none() {
            self.first = Some(waker);
            return None;
        }
        let more = self.more.get_or_insert_with(|| {
            Box::new_in(
                More {
                    wakers: Vec::new_in(System),
                    limit: FIRST_LIMIT,
                },
                System,
            )
        });
        let mut crowd = None;
        if more.wakers.len() + 1 == more.limit {
            let limit = (more.limit * 2).min(LAST_LIMIT);
            let wakers = std::mem::replace(&mut more.wakers, Vec::new_in(System));
            let full = Box::new_in(More { wakers, limit }, System);
            more.limit = limit;
            crowd = Some(Slots {
                first: self.first.take(),
                more: Some(full),
            });
            self.first = Some(waker);
        } else {
            more.wakers.push(waker);
        }
        crowd
    }

    /// Empties the set.
    pub(crate) fn take(&mut self) -> Slots {
        std::mem::replace(self, Slots::new())
    }

    /// Hands every waker to `wake`. To be called outside the lock.
    pub(crate) fn drain(self, wake: &mut dyn FnMut(Waker)) {
        if let Some(waker) = self.first {
            wake(waker);
        }
        if let Some(more) = self.more {
            Box::into_inner(more).wakers.into_iter().for_each(wake);
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
    use std::task::Wake;

    use super::*;

    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Relaxed);
        }
    }

    #[test]
    fn keeps_each_once_and_never_more_than_the_limit() {
        let mut slots = Slots::new();
        let all: std::vec::Vec<_> = (0..5000).map(|_| Arc::new(Count(AtomicUsize::new(0)))).collect();
        let mut returned = 0;
        for count in &all {
            let waker = Waker::from(count.clone());
            assert!(!slots.holds(&waker));
            if let Some(crowd) = slots.add(waker.clone()) {
                crowd.drain(&mut |waker| {
                    returned += 1;
                    waker.wake();
                });
            }
            assert!(slots.holds(&waker));
        }
        let mut kept = 0;
        slots.take().drain(&mut |waker| {
            kept += 1;
            waker.wake();
        });
        assert!(kept <= LAST_LIMIT, "{kept}");
        assert_eq!(returned + kept, all.len());
        assert!(!all.iter().any(|count| slots.holds(&Waker::from(count.clone()))));
        assert!(all.iter().all(|count| count.0.load(Relaxed) == 1));
        assert!(all.iter().all(|count| Arc::strong_count(count) == 1));
    }
}
