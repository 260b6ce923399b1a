import asyncio
from daffi.aio import AsyncClient


async def main():
    client = AsyncClient(app_name="calc-caller", host="127.0.0.1", port=6001)
    conn = await client.connect()
    result = await conn.rpc(timeout=5).multiply(6, 7)
    print(f"multiply(6, 7) = {result}")  # → 42
    await client.stop()


if __name__ == "__main__":
    asyncio.run(main())
