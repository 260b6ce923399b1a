#!/usr/bin/env bash
# Soaks the mesh: mixed load for ten minutes while workers are killed and callers vanish.
# usage: scripts/soak_mesh.sh [seconds [seed]]
set -euo pipefail
cd "$(dirname "$0")/.."
cmake --preset release -DWEFT_BENCH=ON >/dev/null
cmake --build --preset release --target bench_mesh_soak >/dev/null
exec build/release/bench/mesh/bench_mesh_soak "$@"
