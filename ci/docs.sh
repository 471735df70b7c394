#!/usr/bin/env bash
# The documentation builds without a warning: no dead link, no missing item. (Its examples are run by test.sh.)

. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

export RUSTDOCFLAGS="${RUSTDOCFLAGS:-} -D warnings"
run cargo doc --locked --no-deps --workspace
