//! placeholder
#![allow(missing_docs)]

pub mod options;
pub mod testing;

/// SHIM: the real one runs `body` on a goroutine and resumes its panic, payload and all, on the caller.
pub(crate) fn block_on_goroutine<T: Send + 'static>(body: impl FnOnce() -> T + Send + 'static) -> T {
    body()
}
