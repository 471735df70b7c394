#!/usr/bin/env bash
# The model checks of runtime-core's protocols. They have a target directory of their own: --cfg loom goes to every
# crate, and would rebuild the world twice in a shared one.

. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

if [ ! -f runtime-core/tests/loom.rs ]; then
    skip "runtime-core/tests/loom.rs is not there"
    exit 0
fi
export RUSTFLAGS="${RUSTFLAGS:-} --cfg loom"
export CARGO_TARGET_DIR="$CARGO_TARGET_DIR/loom"
run cargo test --locked --release -p gort-runtime-core --test loom
