#!/usr/bin/env bash
# Sets up, builds and runs the tests. usage: ./test.sh [--sanitize] [--clang] [--fuzz]
#   --sanitize  also builds with AddressSanitizer and UndefinedBehaviorSanitizer and runs the tests there, and with
#               ThreadSanitizer what crosses threads
#   --clang     also builds and runs the tests with clang, and clang-tidy over the library and the program
#   --fuzz      also runs every fuzz target for a bounded time (scripts/fuzz.sh); the tests replay the seeds anyway
set -euo pipefail
cd "$(dirname "$0")"

sanitize=false
clang=false
fuzz=false
for argument in "$@"; do
    case "$argument" in
        --sanitize) sanitize=true ;;
        --clang) clang=true ;;
        --fuzz) fuzz=true ;;
        *) echo "usage: $0 [--sanitize] [--clang] [--fuzz]" >&2; exit 2 ;;
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
    # The doors between threads: Loop::post, ThreadPool, several loops, TLS contexts, the Asio bridge.
    cmake --build --preset tsan --target core_test io_test tls_test asio_test
    ctest --preset tsan -R '^(core|io|tls|asio)_test\.'
fi

if $clang; then
    cmake --preset clang >/dev/null
    cmake --build --preset clang
    ctest --preset clang
    scripts/tidy.sh
fi

if $fuzz; then
    scripts/fuzz.sh
fi
