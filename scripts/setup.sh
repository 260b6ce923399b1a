#!/usr/bin/env bash
# Installs the Debian packages that weft needs. usage: scripts/setup.sh build|test|bench
#   build  what the library and the weft program are built from
#   test   that, and the peers and tools of the tests
#   bench  all of that, and the peers that only the benchmarks have
# Does nothing, and needs no privilege, when everything is there already.
set -euo pipefail

packages_build=(
    g++ cmake ninja-build ccache mold pkg-config
    libnghttp2-dev zlib1g-dev grpc-proto libprotobuf-dev protobuf-compiler libprotoc-dev libc-ares-dev
    libssl-dev nlohmann-json3-dev libcli11-dev libspdlog-dev
)
packages_test=(
    git libgtest-dev libgmock-dev libboost1.81-dev
    libgrpc++-dev protobuf-compiler-grpc
    chromium nats-server
    iproute2 openssl procps python3 python3-venv
    python3-grpcio python3-protobuf ruby-grpc nginx-light
    clang-19 libclang-rt-19-dev clang-format-16 clang-tidy-16
)

packages_bench=(
    capnproto libcapnp-dev libzmq3-dev cppzmq-dev libnats-dev
)

case "${1:-}" in
    build) wanted=("${packages_build[@]}") ;;
    test) wanted=("${packages_build[@]}" "${packages_test[@]}") ;;
    bench) wanted=("${packages_build[@]}" "${packages_test[@]}" "${packages_bench[@]}") ;;
    *) echo "usage: $0 build|test|bench" >&2; exit 2 ;;
esac

# What scripts/setup_peers.sh builds with; a newer one in PATH will do.
if [ "$1" != build ]; then
    command -v go >/dev/null || wanted+=(golang-go)
    command -v npm >/dev/null || wanted+=(nodejs npm)
    command -v cargo >/dev/null || wanted+=(cargo)
fi

missing=()
for package in "${wanted[@]}"; do
    dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed || missing+=("$package")
done
[ ${#missing[@]} -eq 0 ] && exit 0

as_root=()
if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null; then
        echo "weft needs these packages; install them as root and start again:" >&2
        echo "    apt-get install --no-install-recommends ${missing[*]}" >&2
        exit 2
    fi
    as_root=(sudo)
fi
echo "Installing ${#missing[@]} packages: ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
"${as_root[@]}" apt-get update -qq
"${as_root[@]}" apt-get install -qq -y --no-install-recommends "${missing[@]}" >/dev/null
