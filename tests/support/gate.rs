//! A gate at which very many wait, each in a place of its own.

use std::future::Future;
use std::pin::Pin;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use super::proc::comes_true;

/// What they all wait for. Its memory is there, and touched, before anything is measured.
pub(crate) struct Gate {
    open: AtomicBool,
    wakers: Vec<Mutex<Option<Waker>>>,
    /// How many wait, or have waited.
    came: AtomicUsize,
    through: AtomicUsize,
}

impl Gate {
    pub(crate) fn new(places: usize) -> &'static Gate {
        Box::leak(Box::new(Gate {
            open: AtomicBool::new(false),
            wakers: (0..places).map(|_| Mutex::new(None)).collect(),
            came: AtomicUsize::new(0),
            through: AtomicUsize::new(0),
        }))
    }

    pub(crate) fn pass(&'static self, place: usize) -> Pass {
        Pass { gate: self, place }
    }

    /// Until all wait in it.
    pub(crate) fn fill(&self) {
        assert!(comes_true(Duration::from_secs(100), || self.came.load(SeqCst)
            == self.wakers.len()));
    }

    pub(crate) fn open(&self) {
        self.open.store(true, SeqCst);
        for place in &self.wakers {
            let waker = place.lock().unwrap().take();
            if let Some(waker) = waker {
                waker.wake();
            }
        }
    }

    pub(crate) fn went_through(&self) {
        self.through.fetch_add(1, SeqCst);
    }

    pub(crate) fn through(&self) -> usize {
        self.through.load(SeqCst)
    }

    /// Makes it as good as new, for the next wave.
    pub(crate) fn close(&self) {
        self.open.store(false, SeqCst);
        self.came.store(0, SeqCst);
        self.through.store(0, SeqCst);
    }
}

pub(crate) struct Pass {
    gate: &'static Gate,
    place: usize,
}

impl Future for Pass {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut waker = self.gate.wakers[self.place].lock().unwrap();
        if self.gate.open.load(SeqCst) {
            return Poll::Ready(());
        }
        if waker.replace(cx.waker().clone()).is_none() {
            self.gate.came.fetch_add(1, SeqCst);
        }
        Poll::Pending
    }
}
