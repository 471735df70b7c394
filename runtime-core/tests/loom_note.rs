//! Models of `Note` under loom: `RUSTFLAGS="--cfg loom" cargo test -p gort-runtime-core --release --test loom_note`.
//!
//! The file itself is compiled here, over loom's atomics and a futex made of loom's mutex.
#![cfg(loom)]
#![allow(dead_code, unreachable_pub, reason = "the models use a part of Note")]

#[path = "../src/note.rs"]
mod note;

#[path = "loom/atomic.rs"]
mod atomic;
#[path = "loom/model.rs"]
mod model;

/// As the kernel does it: the word is compared and the thread queued under one lock. A wake ends all waits, those
/// for other words too: a futex may return for no reason.
mod sys {
    use crate::atomic::{AtomicU32, Ordering};
    use loom::sync::{Condvar, Mutex};

    loom::lazy_static! {
        static ref KERNEL: (Mutex<()>, Condvar) = (Mutex::new(()), Condvar::new());
        static ref WAKES: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
    }

    pub(crate) fn futex_wait(word: &AtomicU32, expected: u32, timeout_nanos: Option<u64>) -> bool {
        let queue = KERNEL.0.lock().unwrap();
        // Time is always up: `nanotime` is past every deadline.
        if timeout_nanos.is_none() && word.load(Ordering::Relaxed) == expected {
            drop(KERNEL.1.wait(queue).unwrap());
        }
        timeout_nanos.is_none()
    }

    pub(crate) fn futex_wake(_word: &AtomicU32, _n: u32) {
        WAKES.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let _queue = KERNEL.0.lock().unwrap();
        KERNEL.1.notify_all();
    }

    /// How many system calls the wakers made.
    pub(crate) fn wakes() -> u32 {
        WAKES.load(std::sync::atomic::Ordering::Relaxed)
    }

    pub(crate) fn nanotime() -> u64 {
        u64::MAX
    }
}

use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::thread;
use model::model;
use note::Note;

/// A note and a plain word that it hands over; loom reports an access that is not ordered.
struct Shared {
    note: Note,
    value: UnsafeCell<u32>,
}

fn shared() -> Arc<Shared> {
    Arc::new(Shared {
        note: Note::new(),
        value: UnsafeCell::new(0),
    })
}

fn give(shared: &Shared, value: u32) {
    // SAFETY: the model under test: the sleeper reads only after the wakeup that follows.
    shared.value.with_mut(|word| unsafe { *word = value });
    shared.note.wakeup();
}

fn take(shared: &Shared) -> u32 {
    // SAFETY: the model under test: the writer has called wakeup and writes no more.
    shared.value.with(|word| unsafe { *word })
}

#[test]
fn a_sleeper_is_woken_and_sees_what_was_written() {
    model(4, || {
        let shared = shared();
        let waker = thread::spawn({
            let shared = Arc::clone(&shared);
            move || give(&shared, 7)
        });
        shared.note.sleep();
        assert_eq!(take(&shared), 7);
        waker.join().unwrap();
        assert!(sys::wakes() <= 1);
    });
}

#[test]
fn two_wakers_are_one_wakeup() {
    model(4, || {
        let shared = shared();
        let wakers = [7, 7].map(|_| {
            let shared = Arc::clone(&shared);
            thread::spawn(move || shared.note.wakeup())
        });
        shared.note.sleep();
        for waker in wakers {
            waker.join().unwrap();
        }
        assert!(sys::wakes() <= 1);
        assert!(shared.note.sleep_for(0));
    });
}

#[test]
fn a_sleep_whose_time_is_up_leaves_no_sleeper_behind() {
    model(4, || {
        let shared = shared();
        let waker = thread::spawn({
            let shared = Arc::clone(&shared);
            move || give(&shared, 7)
        });
        let woken = shared.note.sleep_for(1);
        if woken {
            assert_eq!(take(&shared), 7);
        }
        waker.join().unwrap();
        shared.note.sleep();
        assert_eq!(take(&shared), 7);
        assert!(sys::wakes() <= 1);
    });
}

#[test]
fn cleared_and_slept_on_again() {
    model(4, || {
        let there = shared();
        let back = shared();
        let other = thread::spawn({
            let (there, back) = (Arc::clone(&there), Arc::clone(&back));
            move || {
                there.note.sleep();
                there.note.clear();
                give(&back, take(&there) + 1);
                there.note.sleep();
                take(&there)
            }
        });
        give(&there, 1);
        back.note.sleep();
        back.note.clear();
        assert_eq!(take(&back), 2);
        give(&there, 3);
        assert_eq!(other.join().unwrap(), 3);
    });
}
