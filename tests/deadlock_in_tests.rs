//! A test that waits for ever hangs, as other tests do: its harness's threads are not gort's, and it is the harness that
//! ends it. No deadlock is reported there.

mod support;

use std::os::unix::process::ExitStatusExt;

use support::{is_child, run_child};

const NAME: &str = "a_test_that_waits_for_ever_is_not_reported";
/// For so long the child is watched.
const WATCHED_SECONDS: u32 = 5;

#[gort::test]
async fn a_test_that_waits_for_ever_is_not_reported() {
    if is_child(NAME) {
        // SAFETY: takes a number.
        unsafe { libc::alarm(WATCHED_SECONDS) };
        std::future::pending::<()>().await;
    }
    let output = run_child(NAME, &[]);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.signal(), Some(libc::SIGALRM), "{stderr}");
    assert!(!stderr.contains("deadlock!"), "{stderr}");
}
