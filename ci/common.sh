# Sourced first by every script here: strict mode, the repository's root as working directory, one target
# directory for all, no standard input, and the ways to speak. Not to be run.

set -euo pipefail
# A check that read its standard input would hang on a terminal and fail where it is closed.
exec </dev/null
# Some look for words of the tools.
export LC_ALL=C

cd "$(dirname "${BASH_SOURCE[0]}")/.."
CARGO_TARGET_DIR=$(realpath -m "${CARGO_TARGET_DIR:-target}")
export CARGO_TARGET_DIR

say() {
    printf '%s\n' "$*"
}

# Says what runs, and runs it.
run() {
    say "+ $*"
    "$@"
}

# As run, for what may hang: ends it, with all that it has started, after so many minutes.
run_within() {
    local minutes=$1 status=0
    shift
    say "+ $*"
    # In a process group of its own, which a Ctrl-C does not reach.
    timeout --kill-after=10 "${minutes}m" "$@" &
    trap 'kill %%' EXIT
    wait %% || status=$?
    trap - EXIT
    [ "$status" -ne 124 ] || fail "hangs: not done within $minutes minutes"
    return "$status"
}

# For a check whose tool is missing. CI greps for the word: a check must not be left out silently.
skip() {
    say "SKIPPED: $*"
}

fail() {
    printf '%s: %s\n' "$(basename "$0")" "$*" >&2
    exit 1
}

# nightly_with RUNTIME: the target to build for with nightly's sanitizer of that name. Fails without it.
nightly_with() {
    local sysroot target
    sysroot=$(rustc +nightly --print sysroot 2>/dev/null) || return 1
    target=$(rustc +nightly -vV | sed -n 's/^host: //p')
    compgen -G "$sysroot/lib/rustlib/$target/lib/librustc*_rt.$1.a" >/dev/null || return 1
    say "$target"
}

have() {
    command -v "$1" >/dev/null
}
