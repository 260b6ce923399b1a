#!/usr/bin/env bash
# Checks the sources without building them: the coroutine rules of g++ 12, and the formatting.
set -euo pipefail
cd "$(dirname "$0")/.."

listed=$(git ls-files '*.cpp' '*.hpp')
mapfile -t sources <<<"$listed"
scripts/lint_coro.py "${sources[@]}"
clang-format-16 --dry-run --Werror "${sources[@]}"
scripts/check_docs.py
echo "${#sources[@]} sources: coroutine rules and formatting are in order"
