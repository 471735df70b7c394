#!/usr/bin/env bash
# ThreadSanitizer over the torture. It is told of stack switches (runtime-core/src/sanitize), and tests/sanitizers.rs
# shows that it sees what it should. std comes without it: it sees what std inlines, and ci/tsan.supp names the rest.
# The other tests lean on std's mutexes, channels and threads for their own ends, and are left out.

. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

SECONDS_OF_TORTURE=15
# It has a watchdog of its own: this is for the watchdog.
SECONDS_TO_RUN=300

if ! target=$(nightly_with tsan); then
    skip "there is no nightly toolchain with ThreadSanitizer's runtime"
    exit 0
fi
# Suppressions go by names.
if ! have llvm-symbolizer; then
    skip "llvm-symbolizer is not installed"
    exit 0
fi

export RUSTFLAGS="${RUSTFLAGS:-} -Zsanitizer=thread --cfg gort_tsan -Cunsafe-allow-abi-mismatch=sanitizer"
export CARGO_TARGET_DIR="$CARGO_TARGET_DIR/tsan"
export TSAN_OPTIONS="suppressions=$PWD/ci/tsan.supp"

# The children of this test are run with the sanitizer; the test itself joins std's threads, and is not judged.
TSAN_OPTIONS="$TSAN_OPTIONS exitcode=0" run timeout "$SECONDS_TO_RUN" \
    cargo +nightly test --locked --release --target "$target" --test sanitizers
run cargo +nightly build --locked --release --target "$target" --example torture
# With a number of processors that changes, and with one that does not.
torture=$CARGO_TARGET_DIR/$target/release/examples/torture
run timeout "$SECONDS_TO_RUN" "$torture" "$SECONDS_OF_TORTURE"
GOMAXPROCS=4 run timeout "$SECONDS_TO_RUN" "$torture" "$SECONDS_OF_TORTURE"
