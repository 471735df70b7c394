//! Running a test's body in a process of its own: for what changes or measures the whole process, or ends
//! it. The test runs its own binary again, with only itself selected and a word in the environment.

#![allow(dead_code)] // Each test binary uses its part.
#![allow(clippy::print_stdout)] // A child's output becomes the test's.

use std::process::{Command, ExitStatus, Output};

/// Holds the scenario in a child.
const SCENARIO: &str = "GORT_TEST_SCENARIO";

/// What a child left.
pub(crate) struct Left {
    pub(crate) status: ExitStatus,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// The scenario that this process is to play, if it is a child.
pub(crate) fn scenario() -> Option<String> {
    std::env::var(SCENARIO).ok()
}

/// Runs this test again in a child, as `scenario`.
pub(crate) fn run(test: &str, scenario: &str) -> Left {
    let exe = std::env::current_exe().expect("a test knows its own path");
    let Output {
        status,
        stdout,
        stderr,
    } = Command::new(exe)
        .args([test, "--exact", "--nocapture", "--test-threads=1"])
        .env(SCENARIO, scenario)
        .output()
        .expect("a test can run itself");
    Left {
        status,
        out: String::from_utf8_lossy(&stdout).into_owned(),
        err: String::from_utf8_lossy(&stderr).into_owned(),
    }
}

/// Runs `body` in a child of this test, which has to succeed. Its output becomes the test's.
pub(crate) fn isolated(test: &str, body: impl FnOnce()) {
    if scenario().is_some() {
        return body();
    }
    let left = run(test, "body");
    println!("{}{}", left.out, left.err);
    assert!(left.status.success(), "{test}: {}", left.status);
    assert!(
        left.out.contains("1 passed"),
        "{test} is not the name of this test"
    );
}

/// No core dumps of children that are meant to die.
pub(crate) fn no_core() {
    let none = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: a valid rlimit.
    unsafe { libc::setrlimit(libc::RLIMIT_CORE, &none) };
}
