"""grpc.aio's part of bench/grpc: started as bench_case.hpp says."""

import asyncio
import sys
import time

import grpc
from google.protobuf.wrappers_pb2 import BytesValue

READ = BytesValue.FromString
WRITE = BytesValue.SerializeToString


async def unary(request, context):
    return request


async def down(request, context):
    while True:
        await context.write(request)


async def chat(requests, context):
    while True:
        request = await context.read()
        if request is grpc.aio.EOF:
            return
        await context.write(request)


async def serve():
    server = grpc.aio.server()
    handlers = {
        "Unary": grpc.unary_unary_rpc_method_handler(unary, READ, WRITE),
        "Down": grpc.unary_stream_rpc_method_handler(down, READ, WRITE),
        "Chat": grpc.stream_stream_rpc_method_handler(chat, READ, WRITE),
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("bench.Bench", handlers),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    print("port", port, flush=True)
    await server.wait_for_termination()


class Case:
    def __init__(self, seconds):
        self.seconds = seconds
        self.warm_until = time.perf_counter() + 0.3
        self.begun = False
        self.over = False
        self.operations = 0
        self.latencies = []

    def count(self, began, n=1):
        now = time.perf_counter()
        if not self.begun:
            if now >= self.warm_until:
                print("begin", flush=True)
                self.begun = True
                self.start = time.perf_counter()
            return True
        self.operations += n
        self.latencies.append(now - began)
        if now - self.start < self.seconds:
            return True
        if not self.over:
            self.over = True
            middle = sorted(self.latencies)[len(self.latencies) // 2]
            print("end %d %.6f %.1f" % (self.operations, now - self.start, middle * 1e6), flush=True)
        return False


async def client(port, name, seconds):
    request = BytesValue(value=b"x" * (16381 if name == "large100" else 14))
    async with grpc.aio.insecure_channel("127.0.0.1:" + port) as channel:
        await channel.channel_ready()
        case = Case(seconds)
        if name in ("unary", "unary100", "large100"):
            call = channel.unary_unary("/bench.Bench/Unary", WRITE, READ)

            async def worker():
                while True:
                    began = time.perf_counter()
                    await call(request)
                    if case.over or not case.count(began):
                        return

            await asyncio.gather(*(worker() for _ in range(1 if name == "unary" else 100)))
        elif name == "stream":
            call = channel.unary_stream("/bench.Bench/Down", WRITE, READ)(request)
            while True:
                began = time.perf_counter()
                for _ in range(64):
                    await call.read()
                if not case.count(began, 64):
                    break
            call.cancel()
        elif name == "idle":
            print("begin", flush=True)
            calls = []
            for _ in range(10000):
                call = channel.stream_stream("/bench.Bench/Chat", WRITE, READ)()
                await call.write(request)
                await call.read()
                calls.append(call)
            print("end 10000 1 0", flush=True)
            sys.stdin.read()
        else:
            call = channel.stream_stream("/bench.Bench/Chat", WRITE, READ)()
            while True:
                began = time.perf_counter()
                await call.write(request)
                await call.read()
                if not case.count(began):
                    break
            call.cancel()
    sys.stdin.read()


if __name__ == "__main__":
    if sys.argv[1] == "server":
        asyncio.run(serve())
    else:
        asyncio.run(client(sys.argv[2], sys.argv[3], float(sys.argv[4])))
