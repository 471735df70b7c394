//! The binary: see the library's head.

use std::process::ExitCode;

fn main() -> ExitCode {
    gort_benches::main()
}
