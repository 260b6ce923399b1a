"""The grpc.aio peer: `python_peer.py PROTO_FOLDER server` prints its port and serves until its input ends;
`python_peer.py PROTO_FOLDER client TARGET CASE` runs one case and says what went wrong, if anything."""

import asyncio
import sys

import grpc

sys.path.insert(0, sys.argv[1])
pb, services = grpc.protos_and_services("peer.proto")

STATUS_DETAILS = b"\x0a\x00\xffdetail"
BINARY_VALUE = b"\x00\x01\xfe\xff"
SPECIAL_TEXT = "tab\t cr\r lf\n \u00fc \u20ac \U0001f608 100%"
OPTIONS = [("grpc.max_receive_message_length", 8 << 20)]


def code_of(number):
    return next(code for code in grpc.StatusCode if code.value[0] == number)


class Peer(services.PeerServicer):
    def __init__(self):
        self.cancelled = 0

    async def pause(self, request):
        try:
            await asyncio.sleep(request.sleep_ms / 1000)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise

    async def fail(self, context, request):
        context.set_trailing_metadata((("grpc-status-details-bin", STATUS_DETAILS),))
        await context.abort(code_of(request.fail_code), request.text)

    async def Unary(self, request, context):
        if request.text == "cancelled?":
            return pb.PeerReply(number=self.cancelled)
        trailing = []
        for key, value in context.invocation_metadata():
            if key == "x-initial":
                await context.send_initial_metadata((("x-initial", value),))
            if key == "x-trailing-bin":
                trailing.append((key, value))
        if trailing:
            context.set_trailing_metadata(tuple(trailing))
        if request.sleep_ms:
            await self.pause(request)
        if request.fail_code:
            await self.fail(context, request)
        return pb.PeerReply(text=request.text, number=len(request.payload), payload=b"r" * request.reply_size)

    async def ServerStream(self, request, context):
        # Cancellation ends the generator at its yield, too: with GeneratorExit.
        try:
            for i in range(request.count):
                if request.sleep_ms:
                    await asyncio.sleep(request.sleep_ms / 1000)
                yield pb.PeerReply(text=request.text, number=i)
        except (asyncio.CancelledError, GeneratorExit):
            self.cancelled += 1
            raise
        if request.fail_code:
            await self.fail(context, request)

    async def ClientStream(self, requests, context):
        number, text = 0, ""
        async for request in requests:
            number += request.count
            text += request.text
        return pb.PeerReply(number=number, text=text)

    async def Bidi(self, requests, context):
        async for request in requests:
            if request.fail_code:
                await self.fail(context, request)
            yield pb.PeerReply(text=request.text, number=request.count)


async def serve():
    server = grpc.aio.server(options=OPTIONS)
    services.add_PeerServicer_to_server(Peer(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    print(port, flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    await server.stop(0.2)


async def wait_for_cancelled(stub):
    for _ in range(500):
        if (await stub.Unary(pb.PeerRequest(text="cancelled?"))).number > 0:
            return
        await asyncio.sleep(0.01)
    raise AssertionError("the handler was not cancelled")


async def unary(stub):
    assert (await stub.Unary(pb.PeerRequest(text="hello"))).text == "hello"


async def server_stream(stub):
    numbers = [reply.number async for reply in stub.ServerStream(pb.PeerRequest(count=500))]
    assert numbers == list(range(500)), len(numbers)


async def client_stream(stub):
    call = stub.ClientStream()
    for i in range(1, 101):
        await call.write(pb.PeerRequest(count=i, text="x"))
    await call.done_writing()
    reply = await call
    assert (reply.number, reply.text) == (5050, "x" * 100), reply


async def bidi(stub):
    call = stub.Bidi()
    for i in range(100):
        await call.write(pb.PeerRequest(count=i))
        assert (await call.read()).number == i
    await call.done_writing()
    assert await call.read() is grpc.aio.EOF
    assert await call.code() == grpc.StatusCode.OK


async def metadata(stub):
    call = stub.Unary(pb.PeerRequest(), metadata=(("x-initial", "one value"), ("x-trailing-bin", BINARY_VALUE)))
    await call
    assert dict(await call.initial_metadata())["x-initial"] == "one value"
    assert dict(await call.trailing_metadata())["x-trailing-bin"] == BINARY_VALUE


async def deadline(stub):
    try:
        await stub.Unary(pb.PeerRequest(sleep_ms=60000), timeout=0.05)
    except grpc.aio.AioRpcError as error:
        assert error.code() == grpc.StatusCode.DEADLINE_EXCEEDED, error
    else:
        raise AssertionError("no error")
    await wait_for_cancelled(stub)


async def cancel(stub):
    call = stub.ServerStream(pb.PeerRequest(count=1000, sleep_ms=20))
    await call.read()
    call.cancel()
    assert await call.code() == grpc.StatusCode.CANCELLED
    await wait_for_cancelled(stub)


async def status(stub):
    try:
        await stub.Unary(pb.PeerRequest(fail_code=9, text=SPECIAL_TEXT))
    except grpc.aio.AioRpcError as error:
        assert error.code() == grpc.StatusCode.FAILED_PRECONDITION, error
        assert error.details() == SPECIAL_TEXT, error.details()
        assert dict(error.trailing_metadata())["grpc-status-details-bin"] == STATUS_DETAILS
    else:
        raise AssertionError("no error")
    got = 0
    try:
        async for _ in stub.ServerStream(pb.PeerRequest(fail_code=9, count=2)):
            got += 1
    except grpc.aio.AioRpcError as error:
        assert error.code() == grpc.StatusCode.FAILED_PRECONDITION, error
    assert got == 2


async def large(stub):
    reply = await stub.Unary(pb.PeerRequest(payload=b"q" * (4 << 20), reply_size=4 << 20))
    assert reply.number == 4 << 20 and len(reply.payload) == 4 << 20


async def concurrent(stub):
    replies = await asyncio.gather(*(stub.Unary(pb.PeerRequest(text=str(i))) for i in range(1000)))
    assert [reply.text for reply in replies] == [str(i) for i in range(1000)]


async def missing(stub):
    try:
        await stub.Missing(pb.PeerRequest())
    except grpc.aio.AioRpcError as error:
        assert error.code() == grpc.StatusCode.UNIMPLEMENTED, error
    else:
        raise AssertionError("no error")


async def client(target, case):
    async with grpc.aio.insecure_channel(target, options=OPTIONS) as channel:
        await globals()[case](services.PeerStub(channel))
    print("ok")


if __name__ == "__main__":
    asyncio.run(serve() if sys.argv[2] == "server" else client(sys.argv[3], sys.argv[4]))
