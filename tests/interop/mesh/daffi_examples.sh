#!/usr/bin/env bash
# The programs of daffi's page about its asyncio interface, unchanged, against `weft mesh router`; and its service,
# called from weft. They have their port in them, so they run in a network namespace of their own.
# usage: daffi_examples.sh WEFT PYTHON FOLDER
set -euo pipefail
if [ "${4:-}" != inside ]; then
    exec unshare --user --map-root-user --net -- "$0" "$1" "$2" "$3" inside
fi
weft=$1 python=$2 folder=$3
ip link set lo up
children=()
trap 'kill "${children[@]}" 2>/dev/null || true' EXIT
# run <program…>: in the background, until the end of this script.
run() {
    "$@" &
    children+=($!)
}
# offered <function>: waits until somebody offers it.
offered() {
    for _ in $(seq 300); do
        "$weft" mesh methods --at 127.0.0.1:6001 2>/dev/null | grep -q "$1" && return
        sleep 0.1
    done
    echo "nobody offers $1" >&2
    exit 1
}
# expect <text> <program…>: the program's output is that.
expect() {
    local wanted=$1 out
    shift
    out=$("$@")
    echo "$out"
    [ "$out" = "$wanted" ] || { echo "wanted $wanted" >&2 && exit 1; }
}

exec 3< <(exec "$weft" mesh router --at 127.0.0.1:6001 --quiet)
router=$!
children+=("$router")
read -r -t 60 listens <&3
echo "$listens"
run "$python" "$folder/2_worker.py"
run "$python" "$folder/db_worker.py"
run "$python" "$folder/../gather_worker.py"
offered multiply
offered db_query
offered process
expect "multiply(6, 7) = 42" "$python" "$folder/3_caller.py"
expect "multiply(6, 7) = 42" "$python" "$folder/service/2_caller.py"
expect "$("$python" -c 'print([n * n for n in range(100)])')" "$python" "$folder/gather.py"
expect 42 "$weft" mesh call multiply 6 7 --at 127.0.0.1:6001
expect '{"user_id": 7, "name": "Alice"}' "$weft" mesh call db_query 7 --at 127.0.0.1:6001
kill "${children[@]}"
wait "${children[@]}" 2>/dev/null || true
children=()

run "$python" "$folder/service/1_service.py"
offered multiply
expect "multiply(6, 7) = 42" "$python" "$folder/service/2_caller.py"
expect 42 "$weft" mesh call multiply 6 7 --at 127.0.0.1:6001
expect "calc-service  42" "$weft" mesh cast multiply 6 7 --at 127.0.0.1:6001
echo passed
