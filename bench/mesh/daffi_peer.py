"""daffi's part of bench/mesh: daffi_peer.py service PORT | router PORT | worker PORT [NAME] | client PORT CASE SECONDS.
See mesh_case.hpp; daffi takes a port that is given, and says nothing about one that it chose."""
import asyncio
import json
import os
import statistics
import sys
import time

from daffi import Client, Router, SerdeFormat, callback
from daffi.aio import AsyncClient, AsyncService

role, port = sys.argv[1], int(sys.argv[2])
where = dict(host="127.0.0.1", port=port)
WARM = 0.3
IN_FLIGHT, CAST_CALLERS, CAST_WORKERS = 200, 3, 50


def tell(*words):
    print(*words, flush=True)


async def echo(x):
    return x


# Whoever imports this offers it: callers must not.
if role in ("service", "worker"):
    callback(echo)


class Measurement:
    def __init__(self, seconds):
        self.seconds, self.operations, self.latencies = seconds, 0, []
        self.warm_until = time.perf_counter() + WARM
        self.begin = self.over = None

    def count(self, began):
        now = time.perf_counter()
        if self.begin is None:
            if now >= self.warm_until:
                tell("begin")
                self.begin = time.perf_counter()
            return True
        self.operations += 1
        self.latencies.append(now - began)
        if now - self.begin < self.seconds:
            return True
        if not self.over:
            self.over = True
            tell("end", self.operations, "%.6f" % (now - self.begin), "%.1f" % (statistics.median(self.latencies) * 1e6))
        return False


def sequential(case, measurement):
    serde = SerdeFormat.OPAQUE if case.startswith("large") else getattr(SerdeFormat, case.split("_")[1].upper())
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "order.json")) as file:
        data = json.load(file)
    if case.startswith("large"):
        data = b"x" * (int(case[5:]) << 20)
    elif serde == SerdeFormat.OPAQUE:
        data = json.dumps(data)
    conn = Client(app_name="caller", **where).connect()
    while True:
        began = time.perf_counter()
        conn.rpc(timeout=30, serde=serde).echo(data)
        if not measurement.count(began):
            return


async def concurrent(case, measurement):
    connections = {"flight": 1, "callers": IN_FLIGHT, "cast": CAST_CALLERS}[case]
    clients = [AsyncClient(app_name=f"c{i}", **where) for i in range(connections)]
    conns = [await client.connect() for client in clients]
    serde = SerdeFormat.OPAQUE if case == "flight" else SerdeFormat.PICKLE
    data = "o" * 2019 if case == "flight" else {"x": 42, "msg": "hello"}
    measurement.warm_until = time.perf_counter() + WARM

    async def call(conn):
        while True:
            began = time.perf_counter()
            if case == "cast":
                answers = await conn.cast(timeout=30).echo(42)
                assert len(answers) == CAST_WORKERS, len(answers)
            else:
                await conn.rpc(timeout=30, serde=serde).echo(data)
            if measurement.over or not measurement.count(began):
                return

    await asyncio.gather(*[call(conns[i % connections]) for i in range(CAST_CALLERS if case == "cast" else IN_FLIGHT)])


if role == "router":
    node = Router(app_name="router", **where)
    node.start()
    tell("port", port)
    node.join()
elif role in ("service", "worker"):

    async def serve():
        if role == "service":
            node = AsyncService(app_name="svc", workers=10, **where)
            await node.start()
        else:
            node = AsyncClient(app_name=sys.argv[3] if len(sys.argv) > 3 else "worker", workers=200, **where)
            await node.connect()
        tell("port", port)
        await node.join()

    asyncio.run(serve())
else:
    case, measured = sys.argv[3], Measurement(float(sys.argv[4]))
    if case in ("flight", "callers", "cast"):
        asyncio.run(concurrent(case, measured))
    else:
        sequential(case, measured)
    sys.stdin.read()
    os._exit(0)
