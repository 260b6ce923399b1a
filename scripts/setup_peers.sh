#!/bin/sh
# Makes the Python peers of the interop tests: a virtual environment with grpcio, the official P4Runtime messages
# and daffi (its wheels are for CPython 3.10 to 3.13).
# usage: setup_peers.sh [folder]        (default: build/peers/venv)
# Uses the system's Python; needs the python3-venv package and a reachable package index.
set -eu
venv=${1:-$(dirname "$0")/../build/peers/venv}
if [ ! -x "$venv/bin/python" ]; then
    mkdir -p "$(dirname "$venv")"
    /usr/bin/python3 -m venv "$venv"
fi
"$venv/bin/pip" install --quiet --disable-pip-version-check grpcio grpcio-tools protobuf googleapis-common-protos p4runtime 'daffi[msgpack]'
"$venv/bin/python" -c 'import grpc, google.protobuf; print("grpcio", grpc.__version__, "protobuf", google.protobuf.__version__)'
