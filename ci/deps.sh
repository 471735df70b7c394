#!/usr/bin/env bash
# Who may depend on what: the layering that ARCHITECTURE.md draws, and deny.toml's licences and sources.

. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

# Names of all crates in the normal dependency tree of a package, itself first, on any platform.
tree() {
    cargo tree --locked -p "$1" -e normal --target all --prefix none --format '{p}' | cut -d' ' -f1
}

# never PACKAGE REGEX: no crate in PACKAGE's tree has a name that REGEX matches in whole.
never() {
    local crates found
    # In a variable first: in a pipe, a failing cargo would look like an empty tree.
    crates=$(tree "$1")
    [ -n "$crates" ] || fail "cargo tree has nothing to say about $1"
    if found=$(grep -Ex "$2" <<<"$crates" | sort -u); then
        fail "$1 must not depend on: $(paste -sd' ' <<<"$found")"
    fi
    say "$1: none of $2"
}

combinators='futures|futures-util|futures-lite|futures-executor|futures-concurrency|async-.*'
never gort-runtime-core "mio|tokio|smol|$combinators|gort|gort-executor|gort-netpoll|gort-macros"
never gort-executor 'mio|tokio|smol|gort|gort-netpoll|gort-macros'
never gort-netpoll 'tokio|smol|gort|gort-executor|gort-macros'
never gort-macros 'gort|gort-runtime-core|gort-executor|gort-netpoll'
never gort 'tokio|smol|gort-benches'

if ! have cargo-deny; then
    skip "cargo-deny is not installed"
    exit 0
fi
run cargo deny check bans licenses sources
# The advisories come over the network, which a build machine need not have.
if cargo deny fetch db >/dev/null 2>&1; then
    run cargo deny check advisories
else
    skip "the advisory database cannot be fetched"
fi
