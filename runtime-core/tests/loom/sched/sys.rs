//! The kernel: a clock, and a futex that knows who sleeps on which word.

use std::io;
use std::panic::resume_unwind;
use std::ptr;

use super::SCHED;
use super::m::M;
use crate::atomic::{AtomicU32, Ordering};
use loom::sync::Mutex;
use loom::thread::{self, Thread};

/// A sleep until then takes no time; one beyond lasts until somebody ends it.
pub(crate) const SOON: u64 = 100;

#[derive(Default)]
struct Kernel {
    sleepers: Vec<(usize, Thread)>,
    /// The model is over: Ms that sleep, or would, end.
    over: bool,
}

loom::lazy_static! {
    static ref KERNEL: Mutex<Kernel> = Mutex::new(Kernel::default());
}

/// What an M's thread unwinds with at the end.
pub(super) struct Over;

pub(crate) fn nanotime() -> u64 {
    SCHED.world.with(|world| world.clock)
}

pub(crate) fn usleep(_: u32) {}

pub(crate) fn brief(_: &io::Error) -> &'static str {
    "no threads"
}

pub(crate) fn futex_wait(word: &AtomicU32, expected: u32, timeout_nanos: Option<u64>) -> bool {
    let mut kernel = KERNEL.lock().unwrap();
    if word.load(Ordering::Relaxed) != expected {
        return true;
    }
    if let Some(nanos) = timeout_nanos
        && nanos <= SOON
    {
        SCHED.world.with(|world| world.clock += nanos);
        return false;
    }
    if !kernel.over {
        kernel
            .sleepers
            .push((ptr::from_ref(word).addr(), thread::current()));
        drop(kernel);
        thread::park();
        kernel = KERNEL.lock().unwrap();
    }
    if kernel.over {
        drop(kernel);
        assert!(M::current().is_some(), "only Ms sleep at the end");
        resume_unwind(Box::new(Over));
    }
    true
}

pub(crate) fn futex_wake(word: &AtomicU32, _: u32) {
    let mut kernel = KERNEL.lock().unwrap();
    let address = ptr::from_ref(word).addr();
    if let Some(i) = kernel.sleepers.iter().position(|sleeper| sleeper.0 == address) {
        kernel.sleepers.swap_remove(i).1.unpark();
    }
}

/// Ends every M as soon as it sleeps.
pub(super) fn end() {
    let mut kernel = KERNEL.lock().unwrap();
    kernel.over = true;
    for sleeper in kernel.sleepers.drain(..) {
        sleeper.1.unpark();
    }
}
