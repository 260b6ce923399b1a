"""A daffi node for the interop tests.
usage: peer.py router|service|worker|async_worker|caller|async_caller|matrix_caller|async_matrix_caller PORT NAME [ARG]

With the environment's MESH_TLS=FOLDER it speaks TLS, with FOLDER/cert.pem, key.pem and ca.pem.

Prints "ready" when it serves; a caller prints what failed and exits with 1, or prints "ok" and exits with 0.
"""
import asyncio
import os
import sys
import time

import daffi
from daffi import Client, Router, SerdeFormat, Service, callback
from daffi.aio import AsyncClient

role, port, name = sys.argv[1], int(sys.argv[2]), sys.argv[3]
where = dict(app_name=name, host="127.0.0.1", port=port)
if folder := os.environ.get("MESH_TLS"):
    where["tls"] = True
    if role in ("router", "service"):
        where.update(cert_file=f"{folder}/cert.pem", key_file=f"{folder}/key.pem")
    else:
        where["ca_file"] = f"{folder}/ca.pem"

if role in ("service", "worker", "async_worker"):

    @callback
    def py_add(a, b=0):
        return a + b

    @callback
    def py_echo(x):
        return x

    @callback
    def py_boom():
        raise ValueError("boom")

    if role == "async_worker":

        @callback
        async def py_slow(seconds):
            await asyncio.sleep(seconds)
            return "slow"

    else:

        @callback
        def py_slow(seconds):
            time.sleep(seconds)
            return "slow"

    @callback
    def py_who():
        return name

    notes = []

    @callback
    def note(x):
        notes.append(x)
        return x

    @callback
    def noted():
        taken = sorted(notes)
        notes.clear()
        return taken


RECORD = {
    "id": 7, "name": "Müller", "price": 2.5, "tags": ["a", "b"], "none": None, "yes": True, "negative": -(2**40),
    "nested": {"list": [1, [2, 3]], "empty": []}, "text": "x" * 3000,
}
DICT_SERDES = (SerdeFormat.PICKLE, SerdeFormat.JSON, SerdeFormat.MSGPACK)


def done():
    # daffi 3.0.1 crashes in the stop() of a client with TLS, whoever its peer is.
    print("ok", flush=True)
    if folder:
        os._exit(0)


def check(what, got, wanted):
    if got != wanted:
        print(f"{what}: got {got!r}, wanted {wanted!r}", flush=True)
        sys.exit(1)


def error_of(call):
    try:
        got = call()
    except Exception as error:  # noqa: BLE001
        return error
    print(f"no error, but {got!r}", flush=True)
    sys.exit(1)


def sync_caller(workers):
    client = Client(**where)
    conn = client.connect()
    conn.wait_for_members(*workers, timeout=10)
    for serde in DICT_SERDES:
        check("multiply", conn.rpc(timeout=5, serde=serde).multiply(6, 7), 42)
        check("by keyword", conn.rpc(timeout=5, serde=serde).multiply(6, b=8), 48)
        check("echo", conn.rpc(timeout=5, serde=serde).echo(RECORD), RECORD)
        check("echo of None", conn.rpc(timeout=5, serde=serde).echo(None), None)
        check("coroutine", conn.rpc(timeout=5, serde=serde).slow_echo("later"), "later")
        error = error_of(lambda: conn.rpc(timeout=5, serde=serde).boom())
        check("error", (type(error).__name__, "no such thing" in str(error)), ("invalid_argument", True))
        error = error_of(lambda: conn.rpc(timeout=5, serde=serde).multiply("six", 7))
        check("type error", type(error).__name__, "TypeError")
        check("who", conn.cast(timeout=5, serde=serde).who(), {w: w for w in workers})
        conn.rpc_nowait(serde=serde).multiply(1, 1)
        conn.cast_nowait(serde=serde).multiply(1, 1)
    check("bytes", conn.rpc(timeout=5).echo(b"\x00\xff"), b"\x00\xff")
    check("tuple", conn.rpc(timeout=5).echo((1, "a")), (1, "a"))
    check("set", conn.rpc(timeout=5).echo({1, 2}), {1, 2})
    check("big", conn.rpc(timeout=5).echo(2**64 - 1), 2**64 - 1)
    opaque = SerdeFormat.OPAQUE
    check("opaque bytes", conn.rpc(timeout=5, serde=opaque).echo(b"\x00abc"), b"\x00abc")
    check("opaque text", conn.rpc(timeout=5, serde=opaque).echo("häl"), "häl")
    megabytes = b"7" * (20 << 20)
    check("20 MiB", conn.rpc(timeout=20, serde=opaque).echo(megabytes) == megabytes, True)
    error = error_of(lambda: conn.rpc(timeout=5, serde=opaque).boom(b"x"))
    check("opaque error", type(error).__name__, "TypeError")
    for worker in workers:
        check("pinned", conn.rpc(timeout=5, receiver=worker).who(), worker)
    error = error_of(lambda: conn.rpc(timeout=5, receiver="nobody").who())
    # daffi's own, before anything is sent: 3.0.0 says the one, 3.0.1 the other.
    check("no receiver", type(error).__name__ in ("ReceiverNotFound", "TransmissionFailure"), True)
    error = error_of(lambda: conn.rpc(timeout=1).never())
    check("timeout", isinstance(error, TimeoutError), True)
    check("after a timeout", conn.rpc(timeout=5).multiply(2, 3), 6)
    conn.stream(serde=opaque, receiver=workers[0]).collect(f"{i};" for i in range(20))
    check("stream", conn.rpc(timeout=5, receiver=workers[0]).collected(), "".join(f"{i};" for i in range(20)))
    done()
    client.stop()


async def async_caller(workers):
    client = AsyncClient(**where)
    conn = await client.connect()
    await conn.wait_for_members(*workers, timeout=10)
    for serde in DICT_SERDES:
        check("multiply", await conn.rpc(timeout=5, serde=serde).multiply(6, 7), 42)
        check("echo", await conn.rpc(timeout=5, serde=serde).echo(RECORD), RECORD)
        check("who", await conn.cast(timeout=5, serde=serde).who(), {w: w for w in workers})
    results = await asyncio.gather(*[conn.rpc(timeout=10).slow_echo(str(i)) for i in range(200)])
    check("gather", results, [str(i) for i in range(200)])
    done()
    await client.stop()


SERIALISERS = {
    "PICKLE": SerdeFormat.PICKLE, "JSON": SerdeFormat.JSON, "MSGPACK": SerdeFormat.MSGPACK, "OPAQUE": SerdeFormat.OPAQUE,
}
STYLES = ("rpc", "cast", "rpc_nowait", "cast_nowait", "stream", "stream_nowait")


def wanted_notes(style, mark, worker, workers):
    """What `worker` has to have heard of; calls that the caller may send to any go to the last one."""
    if style.startswith("stream"):
        return [f"{mark} {i}" for i in range(3)] if worker == workers[-1] else []
    return [mark] if style.startswith("cast") or worker == workers[-1] else []


def matrix_caller(workers):
    """Every style in every serialiser; what is sent without an answer must arrive as well."""
    client = Client(**where)
    conn = client.connect()
    conn.wait_for_members(*workers, timeout=10)
    last = workers[-1]
    for serialiser, serde in SERIALISERS.items():
        for style in STYLES:
            mark = f"{serialiser} {style}"
            items = (f"{mark} {i}" for i in range(3))
            if style == "rpc":
                check(mark, conn.rpc(timeout=5, serde=serde, receiver=last).note(mark), mark)
            elif style == "cast":
                check(mark, conn.cast(timeout=5, serde=serde).note(mark), {w: mark for w in workers})
            elif style == "rpc_nowait":
                conn.rpc_nowait(serde=serde, receiver=last).note(mark)
            elif style == "cast_nowait":
                conn.cast_nowait(serde=serde).note(mark)
            elif style == "stream":
                conn.stream(serde=serde, receiver=last).note(items)
            else:
                conn.stream_nowait(serde=serde, receiver=last).note(items)
            for worker in workers:
                wanted = wanted_notes(style, mark, worker, workers)
                heard = []
                for _ in range(500):
                    heard += conn.rpc(timeout=5, serde=SerdeFormat.JSON, receiver=worker).noted()
                    if len(heard) >= len(wanted):
                        break
                    time.sleep(0.01)
                check(f"{mark} at {worker}", sorted(heard), wanted)
    done()
    client.stop()


async def async_matrix_caller(workers):
    client = AsyncClient(**where)
    conn = await client.connect()
    await conn.wait_for_members(*workers, timeout=10)
    last = workers[-1]
    for serialiser, serde in SERIALISERS.items():
        for style in STYLES:
            mark = f"{serialiser} {style}"
            items = (f"{mark} {i}" for i in range(3))
            if style == "rpc":
                check(mark, await conn.rpc(timeout=5, serde=serde, receiver=last).note(mark), mark)
            elif style == "cast":
                check(mark, await conn.cast(timeout=5, serde=serde).note(mark), {w: mark for w in workers})
            elif style == "rpc_nowait":
                await conn.rpc_nowait(serde=serde, receiver=last).note(mark)
            elif style == "cast_nowait":
                await conn.cast_nowait(serde=serde).note(mark)
            elif style == "stream":
                await conn.stream(serde=serde, receiver=last).note(items)
            else:
                await conn.stream_nowait(serde=serde, receiver=last).note(items)
            for worker in workers:
                wanted = wanted_notes(style, mark, worker, workers)
                heard = []
                for _ in range(500):
                    heard += await conn.rpc(timeout=5, serde=SerdeFormat.JSON, receiver=worker).noted()
                    if len(heard) >= len(wanted):
                        break
                    await asyncio.sleep(0.01)
                check(f"{mark} at {worker}", sorted(heard), wanted)
    done()
    await client.stop()


if role == "router":
    router = Router(**where)
    router.start()
    print("ready", flush=True)
    router.join()
elif role == "service":
    service = Service(workers=4, **where)
    service.start()
    print("ready", flush=True)
    service.join()
elif role == "worker":
    worker = Client(workers=4, **where)
    worker.connect()
    print("ready", flush=True)
    worker.join()
elif role == "async_worker":

    async def serve():
        worker = AsyncClient(workers=4, **where)
        await worker.connect()
        print("ready", flush=True)
        await worker.join()

    asyncio.run(serve())
elif role == "caller":
    sync_caller(sys.argv[4].split(","))
elif role == "async_caller":
    asyncio.run(async_caller(sys.argv[4].split(",")))
elif role == "matrix_caller":
    matrix_caller(sys.argv[4].split(","))
elif role == "async_matrix_caller":
    asyncio.run(async_matrix_caller(sys.argv[4].split(",")))
