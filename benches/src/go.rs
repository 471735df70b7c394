//! Go's own runtime: builds `go/main.go`, which measures the same subjects, with the toolchain on PATH.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::subject::{
    GoroutinePingPong, GoroutineSpawnJoin, GoroutineSpawnMany, GoroutineSubject, GoroutineYield, TaskSubject,
    TimerCancel, TimerZero,
};

pub(crate) const NAME: &str = "go";

/// Beside this package's manifest.
const SOURCE: &str = "go/main.go";

/// The subjects that it knows, but for the server.
pub(crate) const SUBJECTS: [&str; 6] = [
    GoroutineYield::NAME,
    GoroutineSpawnJoin::NAME,
    GoroutineSpawnMany::NAME,
    GoroutinePingPong::NAME,
    TimerZero::NAME,
    TimerCancel::NAME,
];

/// The program of the cases.
///
/// # Errors
/// As for [`build_program`].
pub(crate) fn build() -> Result<PathBuf, String> {
    build_program(SOURCE, "gort-benches-go")
}

/// The program `name`, built beside this one from a source file of this package.
///
/// # Errors
/// Why there is none: no toolchain, or one that does not build it.
pub fn build_program(source: &str, name: &str) -> Result<PathBuf, String> {
    let own = env::current_exe().map_err(|error| error.to_string())?;
    let program = own.with_file_name(name);
    let built = Command::new("go")
        .arg("build")
        .arg("-o")
        .arg(&program)
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join(source))
        .output()
        .map_err(|error| format!("no `go` on PATH: {error}"))?;
    if !built.status.success() {
        return Err(format!("go build: {}", String::from_utf8_lossy(&built.stderr)));
    }
    Ok(program)
}
