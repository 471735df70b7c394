#!/usr/bin/env bash
# Valgrind knows gort's stacks: it takes no switch for something else, and finds no error in an example that waits in
# every way there is, nor in a few seconds of torture.

. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

SECONDS_OF_TORTURE=4
SECONDS_TO_RUN=300
# Address space that counts as limited, so that it is reserved by the chunk: Valgrind takes seconds for each gigabyte.
MOST_ADDRESS_SPACE_KIB=$((64 << 20))

if ! have valgrind; then
    skip "valgrind is not installed"
    exit 0
fi

run cargo build --locked --release --examples
bin=$CARGO_TARGET_DIR/release/examples
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
ulimit -v "$MOST_ADDRESS_SPACE_KIB"
export GOMAXPROCS=2

# clean EXAMPLE ARGUMENT...: ends well, without an error and without a warning.
clean() {
    local example=$1
    shift
    say "+ valgrind $example $*"
    if ! timeout "$SECONDS_TO_RUN" valgrind --fair-sched=yes --error-exitcode=99 --log-file="$scratch/log" \
        "$bin/$example" "$@"; then
        cat "$scratch/log"
        fail "$example did not end well under valgrind"
    fi
    if grep -E 'Warning|client switching stacks' "$scratch/log"; then
        fail "valgrind warns of $example"
    fi
}

clean no_colours
clean torture "$SECONDS_OF_TORTURE"
