#!/usr/bin/env bash
# Runs the tests, by the command that README.md gives its readers: should that stop being true, this fails.

. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

[ -f README.md ] || fail "README.md is not there, and it has the command that runs the tests"

# Lines within fences that begin with `cargo test`, with or without a prompt.
command=$(awk '
    /^ *```/ { fenced = !fenced; next }
    fenced && /^ *(\$ +)?cargo test( |$)/ { sub(/^ *(\$ +)?/, ""); print }
' README.md)
[ -n "$command" ] || fail "README.md has no \`cargo test ...\` line in a fenced block"

# For bash, not by words: the line may end in a comment. Most tests have a watchdog; this is for those that have none.
run_within 60 bash -euo pipefail -c "$command"
