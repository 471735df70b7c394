#!/usr/bin/env bash
# Half a minute of torture with a random seed: everything at once, the number of processors changing all the time, and
# all books balance. The seed is in the output;
# `cargo run --release --example torture -- SECONDS SEED` repeats it. Bad arguments are refused in one line.

. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

SECONDS_OF_TORTURE=30
# It has a watchdog of its own: this is for the watchdog.
SECONDS_TO_RUN=300

run cargo build --locked --release --example torture
torture=$CARGO_TARGET_DIR/release/examples/torture
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# refuses ARGUMENT...
refuses() {
    local status=0
    timeout "$SECONDS_TO_RUN" "$torture" "$@" >"$scratch/out" 2>"$scratch/err" || status=$?
    if [ "$status" -ne 2 ] || [ -s "$scratch/out" ] || [ "$(wc -l <"$scratch/err")" -ne 1 ]; then
        fail "torture $* should end with one line on stderr and status 2; status $status, stderr:
$(cat "$scratch/err")"
    fi
    say "torture $* refuses: $(cat "$scratch/err")"
}

refuses
refuses 0
refuses soon
refuses 1 seed
refuses 1 2 3
run timeout "$SECONDS_TO_RUN" "$torture" "$SECONDS_OF_TORTURE"
