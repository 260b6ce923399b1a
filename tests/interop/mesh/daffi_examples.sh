#!/usr/bin/env bash
# daffi's documented programs, unchanged, against `weft mesh router`. They have their port in them, so they run in a
# network namespace of their own.
# usage: daffi_examples.sh WEFT PYTHON FOLDER
set -euo pipefail
if [ "${4:-}" != inside ]; then
    exec unshare --user --map-root-user --net -- "$0" "$1" "$2" "$3" inside
fi
weft=$1 python=$2 folder=$3
ip link set lo up
exec 3< <(exec "$weft" mesh router --at 127.0.0.1:6001 --quiet)
router=$!
trap 'kill $router 2>/dev/null || true' EXIT
read -r -t 60 listens <&3
echo "$listens"
"$python" "$folder/2_worker.py" &
worker=$!
trap 'kill $worker $router 2>/dev/null || true' EXIT
for _ in $(seq 100); do
    "$weft" mesh methods --at 127.0.0.1:6001 2>/dev/null | grep -q multiply && break
    sleep 0.1
done
out=$("$python" "$folder/3_caller.py")
echo "$out"
[ "$out" = "multiply(6, 7) = 42" ]
[ "$("$weft" mesh call multiply 6 7 --at 127.0.0.1:6001)" = 42 ]
echo passed
