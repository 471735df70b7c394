//! Go's own runtime: builds `go/main.go`, which measures the same subjects, with the toolchain on PATH.

use std::env;
use std::path::PathBuf;
use std::process::Command;

use crate::subject::{
    GoroutinePingPong, GoroutineSpawnJoin, GoroutineSpawnMany, GoroutineSubject, GoroutineYield, TaskSubject,
    TimerCancel, TimerZero,
};

pub(crate) const NAME: &str = "go";

const SOURCE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/go/main.go");

/// The subjects that it knows, but for the server.
pub(crate) const SUBJECTS: [&str; 6] = [
    GoroutineYield::NAME,
    GoroutineSpawnJoin::NAME,
    GoroutineSpawnMany::NAME,
    GoroutinePingPong::NAME,
    TimerZero::NAME,
    TimerCancel::NAME,
];

/// The program, built beside this one.
///
/// # Errors
/// Why there is none: no toolchain, or one that does not build it.
pub(crate) fn build() -> Result<PathBuf, String> {
    let own = env::current_exe().map_err(|error| error.to_string())?;
    let program = own.with_file_name("gort-benches-go");
    let built = Command::new("go")
        .arg("build")
        .arg("-o")
        .arg(&program)
        .arg(SOURCE)
        .output()
        .map_err(|error| format!("no `go` on PATH: {error}"))?;
    if !built.status.success() {
        return Err(format!("go build: {}", String::from_utf8_lossy(&built.stderr)));
    }
    Ok(program)
}
