//! The entry point of `#[gort::test]`: runs a test's body on a goroutine.
//!
//! Tests without arguments share the process's runtime, booted in library mode by the first of them. A process
//! has one runtime, so a test that asks for its own number of processors or stack size runs in a child process:
//! the test binary once more, told to run this one test, with the wishes in the environment that every boot
//! reads. Nothing but the attribute's expansion calls this.
//!
//! The child does not leave its verdict to its own test harness. That would call a test under `#[should_panic]`
//! passed when it panics, and would be content if it found no test of that name. The child ends with a status of
//! its own as soon as the body has ended; the parent's harness alone judges.

use std::panic::{self, AssertUnwindSafe};
use std::process::{Command, ExitCode, Output, Termination, exit};

use crate::private::Options;

/// Names, in a child, the test that the child is there for.
const CHILD: &str = "GORT_TEST_CHILD";
/// Read by `schedinit`, for `procresize`.
const PROCESSORS: &str = "GOMAXPROCS";
/// Read at boot too: the default size of goroutines' stacks.
const STACK_SIZE: &str = "GORT_STACK";

/// A child's exit status when the body returned success. Not 0, with which a harness that found no such test
/// and a body that calls `exit(0)` midway end as well.
const PASSED: i32 = 42;
/// A child's exit status when the body returned a failure, such as `Err`.
const RETURNED_FAILURE: i32 = 43;
/// A child's exit status when the body panicked: what Rust's own `main` would end with.
const PANICKED: i32 = 101;

/// Runs the test at `path` (`crate::module::name`), whose body is `body`.
///
/// What `body` returns is reported on its goroutine, so that it may be `!Send`, as many an `Err` is.
///
/// # Panics
///
/// Panics if `body` does: with the same payload, or, if it ran in a child process, with a message that holds
/// all that the child printed, and so the body's panic message too.
pub fn test<R: Termination>(
    options: Options,
    path: &'static str,
    body: impl FnOnce() -> R + Send + 'static,
) -> ExitCode {
    let body = move || body().report();
    if options == Options::default() {
        crate::private::block_on_goroutine(body)
    } else if std::env::var_os(CHILD).is_some_and(|child| child == path) {
        match panic::catch_unwind(AssertUnwindSafe(|| crate::private::block_on_goroutine(body))) {
            Ok(ExitCode::SUCCESS) => exit(PASSED),
            Ok(_) => exit(RETURNED_FAILURE),
            // The panic hook has printed the message.
            Err(_) => exit(PANICKED),
        }
    } else {
        run_in_child(options, path)
    }
}

fn run_in_child(options: Options, path: &str) -> ExitCode {
    let output = command(options, path)
        .output()
        .unwrap_or_else(|error| panic!("cannot start a child process for the test {path}: {error}"));
    match output.status.code() {
        Some(PASSED) => {
            show(&output);
            ExitCode::SUCCESS
        }
        Some(RETURNED_FAILURE) => {
            show(&output);
            ExitCode::FAILURE
        }
        _ => panic!("{}", failure(path, &output)),
    }
}

/// This test binary, told to run the test at `path` and no other, also if it is `#[ignore]`d: this process's
/// harness has decided already that it is to run.
fn command(options: Options, path: &str) -> Command {
    let binary = std::env::current_exe()
        .unwrap_or_else(|error| panic!("cannot find this test binary, to run {path} in a child: {error}"));
    // The harness's names are without the crate's.
    let name = path.split_once("::").map_or(path, |(_, name)| name);
    let mut command = Command::new(binary);
    command
        .args([name, "--exact", "--nocapture", "--include-ignored"])
        .env(CHILD, path);
    if let Some(processors) = options.processors {
        command.env(PROCESSORS, processors.to_string());
    }
    if let Some(stack_size) = options.stack_size {
        command.env(STACK_SIZE, stack_size.to_string());
    }
    command
}

/// Prints through the macros, whose output alone the harness captures.
#[expect(clippy::print_stdout, clippy::print_stderr, reason = "a test's output")]
fn show(output: &Output) {
    print!("{}", String::from_utf8_lossy(&output.stdout));
    eprint!("{}", String::from_utf8_lossy(&output.stderr));
}

fn failure(path: &str, output: &Output) -> String {
    let Output {
        status,
        stdout,
        stderr,
    } = output;
    let stdout = String::from_utf8_lossy(stdout);
    let stderr = String::from_utf8_lossy(stderr);
    let how = match status.code() {
        Some(PANICKED) => "panicked".to_owned(),
        Some(0) => format!("ended without finishing (or was not found by its harness), {status}"),
        _ => format!("ended with {status}"),
    };
    format!(
        "the test {path}, run in its own process, {how}\n--- its stdout\n{stdout}\n--- its stderr\n{stderr}"
    )
}
