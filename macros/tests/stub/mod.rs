//! Stands in for the `gort` crate, whose entry points the attributes call.
//!
//! A test takes it in with `extern crate self as gort;` and `pub(crate) use stub::*;`, so that `::gort` is the test
//! itself and the expansions are tested without the runtime. The signatures are those of the real entry points.

#![allow(dead_code, unused_imports, reason = "each test uses its part")]

pub(crate) use gort_macros::{main, test};

pub(crate) mod __private {
    use std::future::Future;
    use std::process::{ExitCode, Termination};
    use std::sync::Mutex;
    use std::task::{Context, Poll, Waker};

    #[derive(Clone, Copy, Debug, PartialEq)]
    pub(crate) struct Options {
        pub(crate) processors: Option<usize>,
        pub(crate) stack_size: Option<usize>,
    }

    /// What each call of `main` was given.
    pub(crate) static MAINS: Mutex<Vec<Options>> = Mutex::new(Vec::new());

    /// What each call of `test` was given.
    pub(crate) static TESTS: Mutex<Vec<(&str, Options)>> = Mutex::new(Vec::new());

    pub(crate) fn main<R: Termination>(options: Options, body: impl FnOnce() -> R) -> ExitCode {
        MAINS.lock().unwrap().push(options);
        body().report()
    }

    pub(crate) fn test<R: Termination + 'static>(
        options: Options,
        path: &'static str,
        body: impl FnOnce() -> R + Send + 'static,
    ) -> ExitCode {
        TESTS.lock().unwrap().push((path, options));
        body().report()
    }

    pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
        let mut future = std::pin::pin!(future);
        loop {
            if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                return output;
            }
        }
    }
}
