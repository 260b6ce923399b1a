import asyncio
from daffi import callback
from daffi.aio import AsyncService


@callback
async def multiply(a: int, b: int) -> int:
    return a * b


async def main():
    svc = AsyncService(app_name="calc-service", host="127.0.0.1", port=6001)
    await svc.start()
    print("AsyncService running — press Ctrl+C to stop.")
    await svc.join()


if __name__ == "__main__":
    asyncio.run(main())
