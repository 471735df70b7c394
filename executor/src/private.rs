//! What the expansions of `#[gort::main]` and `#[gort::test]` call. Not for anybody else: it changes as they do.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::process::{ExitCode, Termination};

pub use gort_runtime_core::MainOptions as Options;

pub use crate::testing::test;
pub use crate::wait::block_on;

use crate::Wait;
use crate::task::{drop_quietly, go};

/// The exit status of a process whose `main` panicked: std's.
const PANICKED: u8 = 101;

/// Boots on the process's first thread and runs `body`, and the report on what it returned, on the main
/// goroutine.
#[track_caller]
pub fn main<R: Termination>(options: Options, body: impl FnOnce() -> R) -> ExitCode {
    let mut body = Some(body);
    let mut status = ExitCode::from(PANICKED);
    gort_runtime_core::main(options, &mut || {
        let Some(body) = body.take() else { return };
        match catch_unwind(AssertUnwindSafe(|| body().report())) {
            Ok(reported) => status = reported,
            // The panic hook has printed it.
            Err(payload) => drop_quietly(payload),
        }
    });
    status
}

/// Runs `body` on a goroutine of its own and waits for it.
///
/// # Panics
/// Panics if `body` does, with its payload.
#[track_caller]
pub fn block_on_goroutine<R: Send + 'static>(body: impl FnOnce() -> R + Send + 'static) -> R {
    match Wait::wait(go(body)) {
        Ok(value) => value,
        Err(error) => resume_unwind(error.into_panic()),
    }
}
