//! std's mutex, taken in a way that ThreadSanitizer sees.
//!
//! std is not built for it. What std inlines into this crate is: `try_lock`, and unlocking. A wait for a mutex that is
//! taken is not, and what comes after would look unordered with what the other thread did.

use std::sync::{LockResult, MutexGuard, TryLockError, TryLockResult};

/// As std's, as far as the runtime's crates use it.
#[derive(Debug, Default)]
pub struct Mutex<T>(std::sync::Mutex<T>);

impl<T> Mutex<T> {
    /// An open mutex.
    pub const fn new(value: T) -> Mutex<T> {
        Mutex(std::sync::Mutex::new(value))
    }

    /// Waits until it is free and takes it.
    ///
    /// # Errors
    /// As std's.
    pub fn lock(&self) -> LockResult<MutexGuard<'_, T>> {
        loop {
            match self.0.try_lock() {
                Ok(guard) => return Ok(guard),
                Err(TryLockError::Poisoned(poisoned)) => return Err(poisoned),
                Err(TryLockError::WouldBlock) => std::thread::yield_now(),
            }
        }
    }

    /// Takes it if it is free.
    ///
    /// # Errors
    /// As std's.
    pub fn try_lock(&self) -> TryLockResult<MutexGuard<'_, T>> {
        self.0.try_lock()
    }
}
