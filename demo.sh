#!/usr/bin/env bash
# Sets up, builds and runs weft's main job: a P4 fabric, built, programmed and checked.
# Arguments go to `weft lab run`: ./demo.sh --fail-link leaf1-spine1
set -euo pipefail
cd "$(dirname "$0")"

scripts/setup.sh build
log=$(mktemp)
trap 'rm -f "$log"' EXIT
echo "Building weft (some minutes the first time) ..."
if ! { cmake --preset release && cmake --build --preset release --target weft_program; } >"$log" 2>&1; then
    cat "$log" >&2
    exit 1
fi
build/release/tools/weft/weft lab run examples/fabric/topology.json "$@"
