#!/usr/bin/env bash
# The model checks of the protocols: every tests/loom*.rs. They have a target directory of their own: --cfg loom goes to
# every crate, and would rebuild the world twice in a shared one.

. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

export RUSTFLAGS="${RUSTFLAGS:-} --cfg loom"
export CARGO_TARGET_DIR="$CARGO_TARGET_DIR/loom"
# Each transition asserts what it starts from.
export CARGO_PROFILE_RELEASE_DEBUG_ASSERTIONS=true
# They take some three minutes in all on two processors, without what is compiled.
for package in runtime-core executor netpoll; do
    run_within 30 cargo test --locked --release -p "gort-$package" --test 'loom*'
done
