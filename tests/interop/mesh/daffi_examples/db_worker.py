from daffi import callback
from daffi.aio import AsyncClient
import asyncio


@callback
async def db_query(user_id: int) -> dict:
    # Yields the event loop during the DB round-trip —
    # other RPC calls can be dispatched while this awaits.
    await asyncio.sleep(0)  # placeholder for real DB call
    return {"user_id": user_id, "name": "Alice"}


async def main():
    worker = AsyncClient(
        app_name="db-worker",
        host="127.0.0.1",
        port=6001,
        workers=50,  # 50 concurrent async DB queries — zero OS threads
    )
    await worker.connect()
    await worker.join()


asyncio.run(main())
