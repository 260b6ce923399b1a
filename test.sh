#!/usr/bin/env bash
# Sets up, builds and runs the tests. usage: ./test.sh [--sanitize] [--fuzz]
#   --sanitize  also builds with AddressSanitizer and UndefinedBehaviorSanitizer and runs the tests there, and with
#               ThreadSanitizer what crosses threads
#   --fuzz      also runs every fuzz target for a bounded time (scripts/fuzz.sh); the tests replay the seeds anyway
set -euo pipefail
cd "$(dirname "$0")"

sanitize=false
fuzz=false
for argument in "$@"; do
    case "$argument" in
        --sanitize) sanitize=true ;;
        --fuzz) fuzz=true ;;
        *) echo "usage: $0 [--sanitize] [--fuzz]" >&2; exit 2 ;;
    esac
done

scripts/setup.sh test
scripts/setup_peers.sh
scripts/check_source.sh

cmake --preset dev >/dev/null
cmake --build --preset dev
ctest --preset dev

if $sanitize; then
    cmake --preset asan >/dev/null
    cmake --build --preset asan
    ctest --preset asan
    cmake --preset tsan >/dev/null
    cmake --build --preset tsan --target core_test
    ctest --preset tsan -R '^core_test\.'
fi

if $fuzz; then
    scripts/fuzz.sh
fi
