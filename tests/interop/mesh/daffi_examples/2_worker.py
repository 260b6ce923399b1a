import asyncio
from daffi import callback
from daffi.aio import AsyncClient


@callback
async def multiply(a: int, b: int) -> int:
    return a * b


async def main():
    worker = AsyncClient(app_name="calc-worker", host="127.0.0.1", port=6001)
    await worker.connect()
    print("AsyncWorker connected — press Ctrl+C to stop.")
    await worker.join()


if __name__ == "__main__":
    asyncio.run(main())
