#!/usr/bin/env bash
# What is said of a stack overflow, with optimisation. ci/test.sh has it without: frames, probes and what is inlined differ.

. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

# The crates are those that ci/examples.sh has built.
run cargo test --locked --release -p gort -p gort-runtime-core --test overflow --test faults
