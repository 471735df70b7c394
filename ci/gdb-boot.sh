#!/usr/bin/env bash
# The boot can be walked with a debugger, as Go's can: gdb stops at rt0_go, schedinit, newproc, mstart and schedule,
# for the first time each in this order.

. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

STEPS=(rt0_go schedinit newproc mstart schedule)
# gdb reads all debug information first.
SECONDS_TO_RUN=120

for tool in gdb nm; do
    if ! have "$tool"; then
        skip "$tool is not installed"
        exit 0
    fi
done

run cargo build --locked --example hello
hello=$CARGO_TARGET_DIR/debug/examples/hello
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# Linkage name and path of each function, line by line. Breakpoints go by the linkage name, which is the same
# whatever gdb makes of Rust's paths.
paste -d' ' <(nm --no-sort --defined-only "$hello" | awk '{ print $2, $3 }') \
    <(nm --no-sort --defined-only -C "$hello" | cut -d' ' -f3-) |
    sed -n 's/^[tT] //p' >"$scratch/functions"

{
    say 'set pagination off'
    say 'set debuginfod enabled off'
    # Turning randomisation off needs a permission that containers withhold, and nothing here needs it.
    say 'set disable-randomization off'
    # The runtime's own signals are none of the walk's business.
    say 'handle all nostop noprint pass'
    for step in "${STEPS[@]}"; do
        # The last name of the path, with the hash of the older mangling or the types of a generic function behind it.
        names=$(awk -v step="$step" '
            { name = $1; $1 = "" }
            $0 ~ "^ gort_runtime_core::(.*::)?" step "(::h[0-9a-f]+|(::)?<.*>)?$" { print name }
        ' "$scratch/functions")
        [ -n "$names" ] || fail "$hello has no function $step: it must be #[inline(never)]"
        for name in $names; do
            say "tbreak $name"
            say 'commands'
            say 'silent'
            say "printf \"hit $step\\n\""
            say 'continue'
            say 'end'
        done
    done
    say 'run'
} >"$scratch/walk.gdb"

say "+ gdb on $hello"
timeout "$SECONDS_TO_RUN" gdb -nx -batch -x "$scratch/walk.gdb" "$hello" >"$scratch/out" 2>&1 || true
if grep -qiE 'ptrace: Operation not permitted|Could not trace the inferior' "$scratch/out"; then
    skip "gdb may not trace a process here"
    exit 0
fi

hits=$(awk '/^hit / && !seen[$2]++ { print $2 }' "$scratch/out" | paste -sd' ')
say "hits: $hits"
if [ "$hits" != "${STEPS[*]}" ]; then
    cat "$scratch/out"
    fail "expected: ${STEPS[*]}"
fi
grep -q 'exited normally' "$scratch/out" || { cat "$scratch/out"; fail "hello did not end well under gdb"; }
