#!/usr/bin/env bash
# Makes the peers of the interop tests and benchmarks that Debian does not package: Python's grpcio, P4Runtime
# messages, daffi and prometheus-client; grpc-js; the official interop programs of Go; a tonic program.
# usage: setup_peers.sh [folder]        (default: build/peers)
# Each part is made once, and again when its list of versions changes. Uses what scripts/setup.sh installs (Python 3,
# npm, Go from 1.19, Rust from 1.63) or newer ones in PATH, and the package indexes of the four languages.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
folder=${1:-$root/build/peers}
sources=$root/tests/interop/grpc/peers
mkdir -p "$folder"
folder=$(cd "$folder" && pwd)

# fresh <part> <what it is made from…>: false when the part was made from the same.
fresh() {
    local part=$1 sum
    shift
    sum=$(cat "$@" | sha256sum | cut -d' ' -f1)
    [ "$(cat "$folder/$part.made" 2>/dev/null)" != "$sum" ] || return 1
    rm -f "$folder/$part.made"
    made=$sum
}
done_with() { echo "$made" >"$folder/$1.made"; }

wheels=(grpcio grpcio-tools protobuf googleapis-common-protos p4runtime 'daffi[msgpack]' prometheus-client)
if fresh venv <(echo "${wheels[@]}"); then
    # daffi's wheels are for CPython 3.10 to 3.13, so the system's.
    [ -x "$folder/venv/bin/python" ] || /usr/bin/python3 -m venv "$folder/venv"
    "$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check "${wheels[@]}"
    "$folder/venv/bin/python" -c \
        'import grpc, google.protobuf; print("grpcio", grpc.__version__, "protobuf", google.protobuf.__version__)'
    done_with venv
fi

if fresh js "$sources/js/package.json" "$sources/js/package-lock.json"; then
    mkdir -p "$folder/js"
    cp "$sources/js/package.json" "$sources/js/package-lock.json" "$folder/js"
    (cd "$folder/js" && npm ci --no-fund --no-audit --silent)
    echo "grpc-js installed"
    done_with js
fi

if fresh go "$sources"/go/*.* "$sources"/go/bench/*; then
    echo "Building Go's programs"
    (cd "$sources/go" && GOFLAGS=-mod=readonly GOTOOLCHAIN=local \
        go build -o "$folder/go/bin/" ./bench google.golang.org/grpc/interop/client google.golang.org/grpc/interop/server)
    done_with go
fi

if fresh tonic "$sources"/tonic/Cargo.* "$sources"/tonic/build.rs "$sources"/tonic/src/* "$root/bench/grpc/bench.proto"; then
    echo "Building the tonic program"
    (cd "$sources/tonic" && cargo build --locked --release --quiet --target-dir "$folder/tonic/target")
    mkdir -p "$folder/tonic/bin"
    cp "$folder/tonic/target/release/tonic_interop" "$folder/tonic/bin/"
    done_with tonic
fi
