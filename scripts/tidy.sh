#!/usr/bin/env bash
# Runs clang-tidy over the library and the program. usage: scripts/tidy.sh [files…]; needs the clang preset configured.
set -euo pipefail
cd "$(dirname "$0")/.."

cmake --preset clang >/dev/null
files=("$@")
if [ ${#files[@]} -eq 0 ]; then
    mapfile -t files < <(git ls-files 'libs/*/src/*.cpp' 'tools/*.cpp')
fi
printf '%s\n' "${files[@]}" | xargs -P "$(nproc)" -n 4 clang-tidy-16 --quiet -p build/clang
