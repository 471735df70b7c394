//! Tasks and goroutines that are in the books, with an output that says whether it is the right one.

use std::time::Duration;

use gort::time::timeout;
use gort::{Builder, JoinHandle};

use crate::books::{Book, Entry, GOROUTINES, JOBS, JOINS, OUTPUTS, TASKS, discrepancy};

/// What a body returns: in the books until it is dropped.
pub(crate) struct Output {
    value: u64,
    /// None for the moment in which it is dropped.
    entry: Option<Entry>,
}

impl Output {
    pub(crate) fn new(value: u64) -> Output {
        Output {
            value,
            entry: Some(OUTPUTS.open()),
        }
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        if let Some(entry) = self.entry.take() {
            entry.done();
        }
    }
}

/// One that was started, and is to be joined or forgotten.
#[must_use = "join it or forget it"]
pub(crate) struct Child {
    handle: JoinHandle<Output>,
    value: u64,
}

/// Starts a task that returns `value` once `body` has ended.
#[track_caller]
pub(crate) fn task(value: u64, body: impl Future<Output = ()> + Send + 'static) -> Child {
    let entry = TASKS.open();
    let handle = gort::spawn(async move {
        body.await;
        entry.done();
        Output::new(value)
    });
    Child { handle, value }
}

/// Starts a goroutine that returns `value` once `body` has ended.
#[track_caller]
pub(crate) fn goroutine(value: u64, body: impl FnOnce() + Send + 'static) -> Child {
    let handle = gort::go(counted(&GOROUTINES, value, body));
    Child { handle, value }
}

/// As [`goroutine`], with a stack of `bytes`.
#[track_caller]
pub(crate) fn goroutine_on(bytes: usize, value: u64, body: impl FnOnce() + Send + 'static) -> Child {
    let handle = Builder::new()
        .stack_size(bytes)
        .go(counted(&GOROUTINES, value, body));
    let handle = handle.expect("address space for a stack");
    Child { handle, value }
}

/// Starts a job on a blocking thread that returns `value` once `body` has ended.
#[track_caller]
pub(crate) fn job(value: u64, body: impl FnOnce() + Send + 'static) -> Child {
    let handle = gort::task::spawn_blocking(counted(&JOBS, value, body));
    Child { handle, value }
}

fn counted(
    book: &'static Book,
    value: u64,
    body: impl FnOnce() + Send + 'static,
) -> impl FnOnce() -> Output + Send {
    let entry = book.open();
    move || {
        let home = std::thread::current().id();
        body();
        if std::thread::current().id() != home {
            discrepancy(format_args!("a goroutine has changed its thread"));
        }
        entry.done();
        Output::new(value)
    }
}

impl Child {
    /// Waits for its output, which must be the one that it was made with.
    pub(crate) async fn join(self) {
        let entry = JOINS.open();
        match self.handle.await {
            Ok(output) if output.value == self.value => {}
            Ok(output) => discrepancy(format_args!("a join of {} gave {}", self.value, output.value)),
            Err(error) => discrepancy(format_args!("a join of {}: {error}", self.value)),
        }
        entry.done();
    }

    /// Waits that long at most. Whether it has ended or not, it is left to itself then.
    pub(crate) async fn join_within(self, limit: Duration) {
        // Elapsed is as good as the result here: the books know of both.
        let _ = timeout(limit, self.join()).await;
    }

    /// Lets it go on alone.
    pub(crate) fn forget(self) {
        drop(self.handle);
    }
}
