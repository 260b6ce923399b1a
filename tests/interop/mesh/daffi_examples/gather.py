import asyncio
from daffi.aio import AsyncClient


async def main():
    # Connect 100 independent callers
    clients = [
        AsyncClient(app_name=f"caller-{i}", host="127.0.0.1", port=6001)
        for i in range(100)
    ]
    conns = await asyncio.gather(*[c.connect() for c in clients])

    # Fire all 100 RPCs simultaneously — one event loop, no OS threads
    results = await asyncio.gather(*[
        conn.rpc(timeout=10).process(i)
        for i, conn in enumerate(conns)
    ])
    print(results)

    await asyncio.gather(*[c.stop() for c in clients])


asyncio.run(main())
