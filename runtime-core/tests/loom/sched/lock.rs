//! `Lock` over loom's mutex, and a cell for the model's own books, which orders nothing.

#[derive(Clone, Copy)]
pub(crate) enum Rank {
    Sched,
    Timers,
}

pub(crate) struct Lock<T>(loom::sync::Mutex<T>);

pub(crate) type Guard<'a, T> = loom::sync::MutexGuard<'a, T>;

impl<T> Lock<T> {
    pub(crate) fn new(_: Rank, value: T) -> Lock<T> {
        Lock(loom::sync::Mutex::new(value))
    }

    #[track_caller]
    pub(crate) fn lock(&self) -> Guard<'_, T> {
        self.0.lock().unwrap()
    }
}

/// Loom runs one thread at a time, and switches only in its own operations.
#[derive(Default)]
pub(crate) struct Plain<T>(std::sync::Mutex<T>);

impl<T> Plain<T> {
    pub(crate) fn with<R>(&self, f: impl FnOnce(&mut T) -> R) -> R {
        f(&mut self.0.lock().unwrap())
    }
}
