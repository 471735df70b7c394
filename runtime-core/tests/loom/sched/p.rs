//! A P, with the fields of src/p.rs that the protocol uses, and timers that do what src/timer promises.

use std::task::Waker;

use super::g::G;
use super::lock::{Lock, Rank};
use crate::atomic::{AtomicBool, AtomicU64, Ordering};
use crate::queue::runq::RunQueue;
use loom::cell::Cell;

pub(crate) struct P {
    pub(crate) id: u32,
    pub(crate) owner: Owner,
    pub(crate) on_loan: AtomicBool,
    pub(crate) runq: RunQueue<G>,
    pub(crate) timers: Timers,
    pub(crate) link: Cell<Option<&'static P>>,
}

/// loom_claim.rs has it.
pub(crate) struct Owner;

impl Owner {
    pub(crate) fn set(&self, _m: u32) {}
    pub(crate) fn clear(&self) {}
    pub(crate) fn holder(&self) -> Option<u32> {
        None
    }
}

impl P {
    pub(super) fn new(id: u32) -> P {
        P {
            id,
            owner: Owner,
            on_loan: AtomicBool::new(false),
            runq: RunQueue::new(),
            timers: Timers {
                list: Lock::new(Rank::Timers, Vec::new()),
                next: AtomicU64::new(u64::MAX),
            },
            link: Cell::new(None),
        }
    }
}

pub(crate) struct Timers {
    list: Lock<Vec<(u64, Waker)>>,
    next: AtomicU64,
}

impl Timers {
    /// True: it is the earliest.
    pub(crate) fn add(&self, when: u64, waker: Waker) -> bool {
        let mut list = self.list.lock();
        let earliest = list.iter().all(|timer| when < timer.0);
        list.push((when, waker));
        self.publish(&list);
        earliest
    }

    pub(crate) fn next_when(&self) -> u64 {
        self.next.load(Ordering::Relaxed)
    }

    pub(crate) fn run(&self, now: u64, ready: &mut dyn FnMut(Waker)) {
        let due: Vec<(u64, Waker)> = {
            let mut list = self.list.lock();
            let (due, rest) = list.drain(..).partition(|timer| timer.0 <= now);
            *list = rest;
            self.publish(&list);
            due
        };
        for (_, waker) in due {
            ready(waker);
        }
    }

    fn publish(&self, list: &[(u64, Waker)]) {
        let next = list.iter().map(|timer| timer.0).min().unwrap_or(u64::MAX);
        self.next.store(next, Ordering::Relaxed);
    }
}
