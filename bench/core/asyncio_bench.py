#!/usr/bin/env python3
"""The same rows with Python's asyncio. usage: asyncio_bench.py [row]; without one, prints the names.

echo and tls_echo <certificate> <key> print the port on which they serve, until they are killed.
"""
import asyncio
import random
import ssl
import statistics
import sys
import time


def resident_bytes():
    with open('/proc/self/statm') as f:
        return int(f.read().split()[1]) * 4096


def median_ns(operations, main, rounds=3):
    asyncio.run(main())
    times = []
    for _ in range(rounds):
        start = time.process_time_ns()
        asyncio.run(main())
        times.append((time.process_time_ns() - start) / operations)
    return statistics.median(times)


async def leaf(x):
    return x


async def chain(depth):
    if depth == 0:
        return 0
    return await chain(depth - 1) + 1


def await_leaf(n=300_000):
    async def main():
        for i in range(n):
            await leaf(i)
    return median_ns(n, main)


def await_chain(n=5_000, depth=50):
    async def main():
        for _ in range(n):
            await chain(depth)
    return median_ns(n * depth, main)


def yields(n=100_000):
    async def main():
        for _ in range(n):
            await asyncio.sleep(0)
    return median_ns(n, main)


async def child(i):
    await asyncio.sleep(0)
    return i


def spawn_join(tasks, times):
    async def main():
        for _ in range(times):
            await asyncio.gather(*[child(i) for i in range(tasks)])
    return median_ns(tasks * times, main, 1 if tasks > 100_000 else 3)


def spawn_bytes(tasks):
    async def main():
        before = resident_bytes()
        handles = [asyncio.create_task(child(i)) for i in range(tasks)]
        size = (resident_bytes() - before) / tasks
        await asyncio.gather(*handles)
        return size
    return asyncio.run(main())


async def wait_inner(event):
    await event.wait()


async def wait_outer(event):
    await wait_inner(event)


def idle_bytes(tasks):
    async def main():
        event = asyncio.Event()
        before = resident_bytes()
        handles = [asyncio.create_task(wait_outer(event), name='device') for _ in range(tasks)]
        await asyncio.sleep(0)
        size = (resident_bytes() - before) / tasks
        event.set()
        await asyncio.gather(*handles)
        return size
    return asyncio.run(main())


def sleepers(n=100_000):
    async def main():
        random.seed(1)
        await asyncio.gather(*[asyncio.sleep(random.random()) for _ in range(n)])
    return median_ns(n, main, 1)


def sleeper_bytes(n=100_000):
    async def main():
        before = resident_bytes()
        handles = [asyncio.create_task(asyncio.sleep(1000)) for _ in range(n)]
        await asyncio.sleep(0)
        size = (resident_bytes() - before) / n
        for handle in handles:
            handle.cancel()
        return size
    return asyncio.run(main())


def semaphore(tasks=1000, times=20):
    async def main():
        permits = asyncio.Semaphore(10)

        async def work():
            for _ in range(times):
                async with permits:
                    await asyncio.sleep(0)
        await asyncio.gather(*[work() for _ in range(tasks)])
    return median_ns(tasks * times, main)


def channel(capacity, n=100_000):
    async def main():
        queue = asyncio.Queue(capacity)

        async def send():
            for i in range(n):
                await queue.put(i)

        async def receive():
            for _ in range(n):
                await queue.get()
        await asyncio.gather(send(), receive())
    return median_ns(n, main)


def timer_arm_cancel(n=100_000):
    async def main():
        loop = asyncio.get_running_loop()
        for _ in range(n):
            loop.call_later(20 + random.random() * 60, print).cancel()
    return median_ns(n, main)


def timeout(n=50_000):
    async def main():
        for i in range(n):
            async with asyncio.timeout(10):
                await leaf(i)
    return median_ns(n, main)


def subprocess(clock, n=100):
    async def main():
        null = asyncio.subprocess.DEVNULL
        for _ in range(n):
            process = await asyncio.create_subprocess_exec('/bin/true', stdin=null, stdout=null, stderr=null)
            await process.wait()
    asyncio.run(main())
    start = clock()
    asyncio.run(main())
    return (clock() - start) / n / 1000


async def echo(reader, writer):
    try:
        while data := await reader.read(4096):
            writer.write(data)
            await writer.drain()
    except ConnectionError:  # the client resets its connections
        pass


async def serve(files):
    tls = None
    if files:
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        tls.load_cert_chain(*files)
    server = await asyncio.start_server(echo, '127.0.0.1', 0, ssl=tls, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


ROWS = {
    'await_leaf': await_leaf, 'await_chain': await_chain, 'yield': yields,
    'spawn_join_1000': lambda: spawn_join(1000, 20), 'spawn_join_1000000': lambda: spawn_join(1_000_000, 1),
    'spawn_bytes_1000000': lambda: spawn_bytes(1_000_000),
    'idle_bytes_100000': lambda: idle_bytes(100_000), 'idle_bytes_1000000': lambda: idle_bytes(1_000_000),
    'sleepers_100000': sleepers, 'sleeper_bytes_100000': sleeper_bytes, 'semaphore': semaphore,
    'channel_64': lambda: channel(64), 'channel_1': lambda: channel(1),
    'timer_arm_cancel': timer_arm_cancel, 'timer_arm_after_cancel': timer_arm_cancel, 'timeout': timeout,
    'subprocess': lambda: subprocess(time.process_time_ns), 'subprocess_wall': lambda: subprocess(time.monotonic_ns),
}

if len(sys.argv) < 2:
    print('\n'.join(ROWS))
elif sys.argv[1] in ('echo', 'tls_echo'):
    asyncio.run(serve(sys.argv[2:]))
else:
    print(f'{ROWS[sys.argv[1]]():.1f}')
