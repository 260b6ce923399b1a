#!/usr/bin/env bash
# Builds every fuzz target with libFuzzer, AddressSanitizer and UndefinedBehaviorSanitizer, and runs each for a bounded
# time. usage: scripts/fuzz.sh [seconds a target, default 10] [target…]
set -euo pipefail
cd "$(dirname "$0")/.."

seconds=${1:-10}
shift || true
targets=("$@")
if [ ${#targets[@]} -eq 0 ]; then
    mapfile -t targets < <(sed -n 's/^weft_fuzz(\([a-z0-9_]*\).*/\1/p' tests/fuzz/CMakeLists.txt)
fi

cmake --preset fuzz >/dev/null
cmake --build --preset fuzz --target "${targets[@]/#/fuzz_}"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for target in "${targets[@]}"; do
    mkdir "$work/$target"
    echo "fuzz $target: $seconds s"
    # New inputs go to the temporary folder; the seeds of the tree are only read.
    if ! build/fuzz/tests/fuzz/fuzz_"$target" -max_total_time="$seconds" -timeout=5 -rss_limit_mb=4096 \
        -artifact_prefix="$work/$target/" "$work/$target" "tests/fuzz/corpus/$target" >"$work/$target.log" 2>&1; then
        tail -60 "$work/$target.log" >&2
        mkdir -p build/fuzz/findings
        find "$work/$target" -name 'crash-*' -o -name 'timeout-*' -o -name 'oom-*' | xargs -r cp -t build/fuzz/findings
        echo "fuzz $target failed; its input is in build/fuzz/findings" >&2
        exit 1
    fi
    grep -E '^#[0-9]+.*DONE' "$work/$target.log" || true
done
