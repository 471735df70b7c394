#!/usr/bin/env bash
# AddressSanitizer over the stress tests and the torture. It is told of stack switches (runtime-core/src/sanitize), and
# tests/sanitizers.rs shows that it sees what it should. Not run here: what counts memory, limits address space or
# overflows a stack, for the sanitizer has its own ways with these.

. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

TESTS=(sanitizers mix nested_wait panics share_sockets wakers)
SECONDS_OF_TORTURE=12
# With a fake stack for each stack in use it is ten times slower.
SECONDS_WITH_FAKE_STACKS=6
# They have watchdogs of their own: this is for these.
SECONDS_TO_RUN=300

if ! target=$(nightly_with asan); then
    skip "there is no nightly toolchain with AddressSanitizer's runtime"
    exit 0
fi

export RUSTFLAGS="${RUSTFLAGS:-} -Zsanitizer=address --cfg gort_asan"
export CARGO_TARGET_DIR="$CARGO_TARGET_DIR/asan"
torture=$CARGO_TARGET_DIR/$target/release/examples/torture
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# Leaks: what only a parked goroutine's stack holds would look like one.
without_fake_stacks=detect_leaks=0:detect_stack_use_after_return=0
with_fake_stacks=detect_leaks=0:detect_stack_use_after_return=1

# tortures SECONDS OPTIONS: silent on stderr, where the sanitizer's warnings go.
tortures() {
    say "+ ASAN_OPTIONS=$2 torture $1"
    if ! ASAN_OPTIONS=$2 timeout "$SECONDS_TO_RUN" "$torture" "$1" 2>"$scratch/err" || [ -s "$scratch/err" ]; then
        fail "$(cat "$scratch/err")"
    fi
}

export ASAN_OPTIONS=$without_fake_stacks
run timeout "$SECONDS_TO_RUN" cargo +nightly test --locked --release --target "$target" \
    "${TESTS[@]/#/--test=}"
run cargo +nightly build --locked --release --target "$target" --example torture
tortures "$SECONDS_OF_TORTURE" "$without_fake_stacks"
tortures "$SECONDS_WITH_FAKE_STACKS" "$with_fake_stacks"
