#!/usr/bin/env bash
# Guards the weight of public headers: none pulls in a library that weft hides (nghttp2, OpenSSL, c-ares, libssh), and
# <weft/grpc/channel.hpp> stays light to compile.
# usage: check_headers.sh [compiler]
set -euo pipefail
cd "$(dirname "$0")/.."
compiler=${1:-c++}
# 56,432 lines with g++ 12.2; what is over the standard library's part comes from weft's own headers.
most_lines=60000

includes=()
for folder in libs/*/include libs/*/*/include; do [ -d "$folder" ] && includes+=("-I$folder"); done
preprocess() { "$compiler" -std=c++20 "${includes[@]}" -x c++ - "$@"; }

failed=0
forbidden='/(nghttp2|openssl|libssh)/|/ares[a-z_]*\.h'
for folder in libs/*/include libs/*/*/include; do
    [ -d "$folder" ] || continue
    headers=$(cd "$folder" && find . -name '*.hpp' | sed 's,^\./,,' | sort)
    depends=$(sed 's/.*/#include <&>/' <<<"$headers" | preprocess -M)
    if grep -Eq "$forbidden" <<<"$depends"; then
        for header in $headers; do
            pulled=$(preprocess -M <<<"#include <$header>" | grep -Eo "[^ ]*($forbidden)[^ ]*" | head -1) || true
            [ -z "$pulled" ] || echo "$folder/$header pulls in $pulled: keep it in src/, behind a Pimpl" >&2
        done
        failed=1
    fi
done

lines=$(preprocess -E <<<'#include <weft/grpc/channel.hpp>' | wc -l)
if [ "$lines" -gt "$most_lines" ]; then
    echo "<weft/grpc/channel.hpp> has $lines lines when preprocessed, $most_lines at most: which new #include is it?" >&2
    failed=1
fi
[ "$failed" -eq 0 ] && echo "public headers are light; <weft/grpc/channel.hpp>: $lines lines"
exit "$failed"
