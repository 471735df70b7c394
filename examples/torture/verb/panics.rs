//! Panics that are caught by joins and by `catch_unwind`, in tasks, goroutines and nested waits, and destructors that
//! wait while they unwind. Each arrives where it must.

use std::any::Any;
use std::panic::{self, AssertUnwindSafe, catch_unwind, panic_any};
use std::time::Duration;

use futures_util::future::join;
use gort::task::yield_now;
use gort::time::sleep;
use gort::{JoinError, Wait};

use crate::books::{Book, Entry, THREADS_KEPT, discrepancy};
use crate::child;
use crate::foreign::event;
use crate::random::Random;

/// Those that are on their way.
pub(crate) static RAISED: Book = Book::whole("panics raised");

/// The payload of a panic that is meant to be.
struct Deliberate {
    value: u64,
    entry: Option<Entry>,
    /// Nobody will catch it: it is dropped with the goroutine that it has ended.
    forgotten: bool,
}

impl Drop for Deliberate {
    fn drop(&mut self) {
        if self.forgotten
            && let Some(entry) = self.entry.take()
        {
            entry.done();
        }
    }
}

/// Lets the panics of this file pass without a word. Any other is a discrepancy.
pub(crate) fn expect_deliberate() {
    let others = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        if !info.payload().is::<Deliberate>() {
            others(info);
            discrepancy(format_args!("a panic that nobody meant"));
        }
    }));
}

fn raise(value: u64) -> ! {
    panic_any(Deliberate {
        value,
        entry: Some(RAISED.open()),
        forgotten: false,
    })
}

fn arrived(payload: Box<dyn Any + Send>, value: u64) {
    match payload.downcast::<Deliberate>() {
        Ok(mut deliberate) if deliberate.value == value => {
            if let Some(entry) = deliberate.entry.take() {
                entry.done();
            }
        }
        Ok(other) => discrepancy(format_args!("panic {value} was raised, {} arrived", other.value)),
        Err(_) => discrepancy(format_args!("panic {value} was raised, another arrived")),
    }
}

fn joined<T>(result: Result<T, JoinError>, value: u64) {
    match result {
        Ok(_) => discrepancy(format_args!("a body that panicked has an output")),
        Err(error) => arrived(error.into_panic(), value),
    }
}

/// Runs `f`, which raises `value`.
fn caught<T>(value: u64, f: impl FnOnce() -> T) {
    match catch_unwind(AssertUnwindSafe(f)) {
        Ok(_) => discrepancy(format_args!("panic {value} was not raised")),
        Err(payload) => arrived(payload, value),
    }
}

pub(super) async fn act(random: &mut Random, _depth: u32) {
    let (mut theirs, value) = (random.fork(), random.next());
    // Whole, in a child: a panic whose join is dropped arrives nowhere.
    let child = match random.below(8) {
        0 => child::task(value, async move {
            let task = gort::spawn(async move {
                event(&mut theirs).await;
                raise(value)
            });
            joined::<()>(task.await, value);
        }),
        1 => child::task(value, async move {
            let goroutine = gort::go(move || {
                event(&mut theirs).wait();
                raise(value)
            });
            joined::<()>(goroutine.await, value);
        }),
        2 => child::goroutine(value, move || {
            caught(value, || {
                event(&mut theirs).wait();
                raise(value)
            });
            // The thread is as good as before.
            event(&mut theirs).wait();
        }),
        3 => child::goroutine(value, move || {
            caught(value, || {
                let _waits = WaitsWhileUnwinding(theirs.micros_below(300));
                raise(value)
            });
            yield_now().wait();
        }),
        4 => child::goroutine(value, move || caught(value, || levels(&mut theirs, value, 4))),
        5 => child::task(value, async move {
            // One branch raises while the other waits, which is dropped then.
            let both = gort::spawn(async move {
                let mut other = theirs.fork();
                let raises = async {
                    event(&mut theirs).await;
                    raise(value)
                };
                join(async { event(&mut other).await }, raises).await
            });
            joined::<((), ())>(both.await, value);
        }),
        6 => child::goroutine(value, move || {
            caught(value, || {
                let _nested = RaisesWhileUnwinding(value ^ 1);
                raise(value)
            });
        }),
        _ => child::goroutine(value, move || forget_one(value)),
    };
    child.join().await;
}

/// Raises below several waits.
fn levels(random: &mut Random, value: u64, deep: usize) {
    gort::block_on(async {
        event(random).await;
        if deep == 0 {
            raise(value);
        }
        levels(random, value, deep - 1);
    });
}

/// One whose panic nobody asks for.
fn forget_one(value: u64) {
    drop(gort::go(move || {
        yield_now().wait();
        panic_any(Deliberate {
            value,
            entry: Some(RAISED.open()),
            forgotten: true,
        })
    }));
}

struct WaitsWhileUnwinding(Duration);

impl Drop for WaitsWhileUnwinding {
    fn drop(&mut self) {
        // Rule 6: it is the thread that waits.
        let entry = THREADS_KEPT.open();
        sleep(self.0).wait();
        entry.done();
    }
}

/// Raises and catches another one in a destructor.
struct RaisesWhileUnwinding(u64);

impl Drop for RaisesWhileUnwinding {
    fn drop(&mut self) {
        caught(self.0, || raise(self.0));
    }
}
