#!/usr/bin/env bash
# Every file is laid out as rustfmt.toml says.

. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

run cargo fmt --all --check
