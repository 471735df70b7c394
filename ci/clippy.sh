#!/usr/bin/env bash
# No warning, from rustc or clippy, in any target of any member. Cargo.toml's [workspace.lints] says which there are.

. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

# --locked: the first build of .ci/run says so if Cargo.lock is not up to date.
run cargo clippy --locked --workspace --all-targets -- -D warnings
