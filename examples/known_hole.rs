//! The hole that is left: what std makes per thread assumes that calls on a thread nest, and goroutines' do not.
//!
//! A goroutine never changes thread, so what it borrows of a thread-local stays that thread's. But goroutines of one
//! thread take turns, at their waits. Two places of safe Rust rely on that not happening in their middle:
//!
//! - the initialiser of a `thread_local!`. While it waits, another goroutine of the thread may find the value not yet
//!   there, make it, and borrow it. When the first initialiser goes on, its value replaces the other, which is dropped
//!   while it is borrowed. This program shows that one.
//! - scoped thread-locals (`set(&value, || ...)`, as many tracing and interning libraries have). Two scopes that
//!   overlap without nesting leave a pointer to a value behind that is gone.
//!
//! Any coroutine library whose coroutines share a thread has this hole. The rule that avoids it: **do not wait in a
//! `thread_local!` initialiser nor inside the scope of a scoped thread-local.** Code that does not know of gort does
//! not: only `wait`, `block_on` and gort's own blocking calls wait.
//!
//! The program is safe to run: the value has no bytes, so none of a dropped one is ever read.
#![expect(clippy::print_stdout, reason = "it is what the program is for")]

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use gort::Wait;
use gort::task::yield_now;

/// Counts its drops.
struct Precious;

static MADE: AtomicUsize = AtomicUsize::new(0);
static DROPPED: AtomicUsize = AtomicUsize::new(0);
/// Says that the second goroutine borrows the value.
static BORROWED: AtomicUsize = AtomicUsize::new(0);

impl Drop for Precious {
    fn drop(&mut self) {
        DROPPED.fetch_add(1, SeqCst);
    }
}

thread_local! {
    static LOCAL: Precious = {
        if MADE.fetch_add(1, SeqCst) == 0 {
            // What must not be done: wait in an initialiser. Until somebody else borrows the value.
            while BORROWED.load(SeqCst) == 0 {
                yield_now().wait();
            }
        }
        Precious
    };
}

// One P: both goroutines live on one thread.
#[gort::main(processors = 1)]
fn main() {
    let first = gort::go(|| LOCAL.with(|_| ()));
    while MADE.load(SeqCst) == 0 {
        yield_now().wait();
    }
    let second = gort::go(move || {
        LOCAL.with(|_borrowed| {
            let before = DROPPED.load(SeqCst);
            BORROWED.store(1, SeqCst);
            // The first goroutine's initialiser goes on.
            let first = first.wait();
            (first, DROPPED.load(SeqCst) - before)
        })
    });
    match second.wait().unwrap() {
        (Ok(()), 0) => println!("this std keeps the first value: the hole is closed for initialisers"),
        (Ok(()), _) => println!("dropped while a goroutine borrowed it: do not wait in an initialiser"),
        (Err(error), _) => println!("this std refuses an initialiser that waits: {error}"),
    }
}
