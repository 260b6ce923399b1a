"""daffi's side of bench/mesh: the same cases, one line of figures each.
usage: mesh_peers.py service|router|worker PORT
       mesh_peers.py sequential PORT SERDE COUNT | concurrent PORT CALLERS CALLS | large PORT MIB COUNT"""
import asyncio
import json
import sys
import time

from daffi import Client, Router, SerdeFormat, callback
from daffi.aio import AsyncClient, AsyncService

role, port = sys.argv[1], int(sys.argv[2])
where = dict(host="127.0.0.1", port=port)


@callback
async def echo(x):
    return x


RECORD = {"items": [{"id": i, "name": f"item {i}", "price": i * 1.25, "tags": ["a", "b"]} for i in range(26)],
          "note": "n" * 200}

if role == "router":
    node = Router(app_name="router", **where)
    node.start()
    print("ready", flush=True)
    node.join()
elif role in ("service", "worker"):

    async def serve():
        if role == "service":
            node = AsyncService(app_name="svc", workers=10, **where)
            await node.start()
        else:
            node = AsyncClient(app_name="worker", workers=200, **where)
            await node.connect()
        print("ready", flush=True)
        await node.join()

    asyncio.run(serve())
elif role in ("sequential", "large"):
    client = Client(app_name="seq", **where)
    conn = client.connect()
    if role == "sequential":
        serde, count = getattr(SerdeFormat, sys.argv[3]), int(sys.argv[4])
        data = json.dumps(RECORD) if serde == SerdeFormat.OPAQUE else RECORD
    else:
        serde, count, data = SerdeFormat.OPAQUE, int(sys.argv[4]), b"x" * (int(sys.argv[3]) << 20)
    for _ in range(min(20, count)):
        conn.rpc(timeout=30, serde=serde).echo(data)
    cpu, begin = time.process_time(), time.perf_counter()
    for _ in range(count):
        conn.rpc(timeout=30, serde=serde).echo(data)
    print(count / (time.perf_counter() - begin), (time.process_time() - cpu) / count * 1e6, flush=True)
elif role == "concurrent":
    callers, calls = int(sys.argv[3]), int(sys.argv[4])

    async def main():
        clients = [AsyncClient(app_name=f"c{i}", **where) for i in range(callers)]
        conns = [await c.connect() for c in clients]

        async def run(conn, n):
            for _ in range(n):
                await conn.rpc(timeout=30).echo({"x": 42, "msg": "hello"})

        await asyncio.gather(*[run(c, 3) for c in conns])
        cpu, begin = time.process_time(), time.perf_counter()
        await asyncio.gather(*[run(c, calls) for c in conns])
        n = callers * calls
        print(n / (time.perf_counter() - begin), (time.process_time() - cpu) / n * 1e6, flush=True)

    asyncio.run(main())
