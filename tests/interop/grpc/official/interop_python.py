"""grpc.aio as interop client and server, with the official flags; for any grpcio from 1.51 on.

    interop_python.py server --port=0 [--use_tls=true --tls_cert_file=... --tls_key_file=...]
    interop_python.py client --server_host=... --server_port=... --test_case=a,b [--use_tls=true --ca_file=...]

The server prints "port N"; the client "PASS case" or "FAIL case: why". Messages are made from the descriptors that
--descriptors names (protoc --descriptor_set_out), so that no generated code ties it to one version of protobuf."""

import asyncio
import sys
import traceback

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

FLAGS = dict(word[2:].split("=", 1) for word in sys.argv[2:])


def load_messages(path):
    pool = descriptor_pool.DescriptorPool()
    files = descriptor_pb2.FileDescriptorSet()
    with open(path, "rb") as file:
        files.ParseFromString(file.read())
    for one in files.file:
        pool.Add(one)
    if hasattr(message_factory, "GetMessageClass"):
        make = message_factory.GetMessageClass
    else:
        make = message_factory.MessageFactory(pool).GetPrototype
    names = ("Empty SimpleRequest SimpleResponse StreamingInputCallRequest StreamingInputCallResponse "
             "StreamingOutputCallRequest StreamingOutputCallResponse")
    return {name: make(pool.FindMessageTypeByName("grpc.testing." + name)) for name in names.split()}


M = load_messages(FLAGS["descriptors"])
INITIAL = "x-grpc-test-echo-initial"
TRAILING = "x-grpc-test-echo-trailing-bin"
REQUEST_SIZES = (27182, 8, 1828, 45904)
RESPONSE_SIZES = (31415, 9, 2653, 58979)
PLAIN = "test status message"
SPECIAL = "\t\ntest with whitespace\r\nand Unicode BMP \u263a and non-BMP \U0001f608\t\n"
METHODS = {  # name: (kind, request, response)
    "EmptyCall": ("unary_unary", "Empty", "Empty"),
    "UnaryCall": ("unary_unary", "SimpleRequest", "SimpleResponse"),
    "StreamingOutputCall": ("unary_stream", "StreamingOutputCallRequest", "StreamingOutputCallResponse"),
    "StreamingInputCall": ("stream_unary", "StreamingInputCallRequest", "StreamingInputCallResponse"),
    "FullDuplexCall": ("stream_stream", "StreamingOutputCallRequest", "StreamingOutputCallResponse"),
    "UnimplementedCall": ("unary_unary", "Empty", "Empty"),
}


def read_file(path):
    with open(path, "rb") as file:
        return file.read()


def code_of(number):
    return next(code for code in grpc.StatusCode if code.value[0] == number)


class Service:
    """The handlers; each is found by its method's name."""

    async def echo_metadata(self, context):
        metadata = dict(list(context.invocation_metadata()))
        if TRAILING in metadata:
            context.set_trailing_metadata(((TRAILING, metadata[TRAILING]),))
        if INITIAL in metadata:
            await context.send_initial_metadata(((INITIAL, metadata[INITIAL]),))

    async def EmptyCall(self, request, context):
        return M["Empty"]()

    async def UnaryCall(self, request, context):
        if request.HasField("response_compressed"):
            wanted = request.response_compressed.value
            context.set_compression(grpc.Compression.Gzip if wanted else grpc.Compression.NoCompression)
            # The headers that a unary handler leaves to the library do not carry the algorithm.
            await context.send_initial_metadata(())
        else:
            await self.echo_metadata(context)
        if request.response_status.code:
            await context.abort(code_of(request.response_status.code), request.response_status.message)
        response = M["SimpleResponse"]()
        response.payload.body = bytes(request.response_size)
        if request.fill_server_id:
            response.server_id = "python"
        return response

    async def StreamingOutputCall(self, request, context):
        if any(wanted.compressed.value for wanted in request.response_parameters):
            context.set_compression(grpc.Compression.Gzip)
        async for response in self.answers(request, context):
            yield response

    async def answers(self, request, context):
        for wanted in request.response_parameters:
            if wanted.interval_us:
                await asyncio.sleep(wanted.interval_us / 1e6)
            if not wanted.compressed.value:
                context.disable_next_message_compression()
            response = M["StreamingOutputCallResponse"]()
            response.payload.body = bytes(wanted.size)
            yield response

    async def StreamingInputCall(self, requests, context):
        total = 0
        async for request in requests:
            total += len(request.payload.body)
        return M["StreamingInputCallResponse"](aggregated_payload_size=total)

    async def FullDuplexCall(self, requests, context):
        await self.echo_metadata(context)
        async for request in requests:
            if request.response_status.code:
                await context.abort(code_of(request.response_status.code), request.response_status.message)
            async for response in self.answers(request, context):
                yield response


async def serve():
    service = Service()
    handlers = {}
    for name, (kind, request, response) in METHODS.items():
        if not hasattr(service, name):
            continue
        make = getattr(grpc, kind + "_rpc_method_handler")
        handlers[name] = make(getattr(service, name), M[request].FromString, M[response].SerializeToString)
    server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("grpc.testing.TestService", handlers),))
    address = "127.0.0.1:" + FLAGS.get("port", "10000")
    if FLAGS.get("use_tls") == "true":
        pair = (read_file(FLAGS["tls_key_file"]), read_file(FLAGS["tls_cert_file"]))
        port = server.add_secure_port(address, grpc.ssl_server_credentials((pair,)))
    else:
        port = server.add_insecure_port(address)
    await server.start()
    print("port", port, flush=True)
    await server.wait_for_termination()


def large(**more):
    request = M["SimpleRequest"](response_size=314159, **more)
    request.payload.body = bytes(271828)
    return request


def output(request_size, response_size):
    request = M["StreamingOutputCallRequest"]()
    request.payload.body = bytes(request_size)
    request.response_parameters.add(size=response_size)
    return request


def input_of(size):
    request = M["StreamingInputCallRequest"]()
    request.payload.body = bytes(size)
    return request


async def expect(call, code, details=None):
    assert await call.code() == code, (await call.code(), await call.details())
    if details is not None:
        assert await call.details() == details, await call.details()


class Cases:
    def __init__(self, channel):
        self.channel = channel

    def call(self, method, *arguments, service="grpc.testing.TestService", channel=None, **options):
        kind, request, response = METHODS[method]
        make = getattr(channel or self.channel, kind)
        callable_ = make("/%s/%s" % (service, method), M[request].SerializeToString, M[response].FromString)
        return callable_(*arguments, **options)

    async def empty_unary(self):
        assert (await self.call("EmptyCall", M["Empty"]())).ByteSize() == 0

    async def large_unary(self, channel=None):
        response = await self.call("UnaryCall", large(), channel=channel)
        assert len(response.payload.body) == 314159

    async def client_compressed_unary(self):
        request = large()
        request.expect_compressed.value = True
        await expect(self.call("UnaryCall", request), grpc.StatusCode.INVALID_ARGUMENT)
        response = await self.call("UnaryCall", request, compression=grpc.Compression.Gzip)
        assert len(response.payload.body) == 314159
        request.expect_compressed.value = False
        assert len((await self.call("UnaryCall", request)).payload.body) == 314159

    async def client_streaming(self):
        call = self.call("StreamingInputCall")
        for size in REQUEST_SIZES:
            await call.write(input_of(size))
        await call.done_writing()
        assert (await call).aggregated_payload_size == 74922

    async def server_streaming(self):
        request = M["StreamingOutputCallRequest"]()
        for size in RESPONSE_SIZES:
            request.response_parameters.add(size=size)
        sizes = [len(response.payload.body) async for response in self.call("StreamingOutputCall", request)]
        assert sizes == list(RESPONSE_SIZES), sizes

    async def ping_pong(self):
        call = self.call("FullDuplexCall")
        for request_size, response_size in zip(REQUEST_SIZES, RESPONSE_SIZES):
            await call.write(output(request_size, response_size))
            assert len((await call.read()).payload.body) == response_size
        await call.done_writing()
        assert await call.read() is grpc.aio.EOF
        await expect(call, grpc.StatusCode.OK)

    async def empty_stream(self):
        call = self.call("FullDuplexCall")
        await call.done_writing()
        assert await call.read() is grpc.aio.EOF
        await expect(call, grpc.StatusCode.OK)

    async def custom_metadata(self):
        metadata = ((INITIAL, "test_initial_metadata_value"), (TRAILING, b"\xab\xab\xab"))
        unary = self.call("UnaryCall", large(), metadata=metadata)
        await unary
        duplex = self.call("FullDuplexCall", metadata=metadata)
        await duplex.write(output(271828, 314159))
        await duplex.done_writing()
        assert len((await duplex.read()).payload.body) == 314159
        assert await duplex.read() is grpc.aio.EOF
        for call in (unary, duplex):
            assert dict(list(await call.initial_metadata()))[INITIAL] == "test_initial_metadata_value"
            assert dict(list(await call.trailing_metadata()))[TRAILING] == b"\xab\xab\xab"

    async def status_code_and_message(self):
        status = dict(code=2, message=PLAIN)
        await expect(self.call("UnaryCall", M["SimpleRequest"](response_status=status)), grpc.StatusCode.UNKNOWN,
                     PLAIN)
        call = self.call("FullDuplexCall")
        await call.write(M["StreamingOutputCallRequest"](response_status=status))
        await call.done_writing()
        await expect(call, grpc.StatusCode.UNKNOWN, PLAIN)

    async def special_status_message(self):
        request = M["SimpleRequest"](response_status=dict(code=2, message=SPECIAL))
        await expect(self.call("UnaryCall", request), grpc.StatusCode.UNKNOWN, SPECIAL)

    async def unimplemented_method(self):
        await expect(self.call("UnimplementedCall", M["Empty"]()), grpc.StatusCode.UNIMPLEMENTED)

    async def unimplemented_service(self):
        call = self.call("UnimplementedCall", M["Empty"](), service="grpc.testing.UnimplementedService")
        await expect(call, grpc.StatusCode.UNIMPLEMENTED)

    async def cancel_after_begin(self):
        call = self.call("StreamingInputCall")
        assert call.cancel()
        await expect(call, grpc.StatusCode.CANCELLED)

    async def cancel_after_first_response(self):
        call = self.call("FullDuplexCall")
        await call.write(output(27182, 31415))
        assert len((await call.read()).payload.body) == 31415
        assert call.cancel()
        await expect(call, grpc.StatusCode.CANCELLED)

    async def timeout_on_sleeping_server(self):
        call = self.call("FullDuplexCall", timeout=0.001)
        try:
            await call.write(output(27182, 31415))
        except (grpc.aio.AioRpcError, asyncio.InvalidStateError):
            pass
        await expect(call, grpc.StatusCode.DEADLINE_EXCEEDED)

    async def pick_first_unary(self):
        ids = {(await self.call("UnaryCall", M["SimpleRequest"](response_size=1, fill_server_id=True))).server_id
               for _ in range(100)}
        assert len(ids) == 1 and "" not in ids, ids

    async def rpc_soak(self):
        for _ in range(int(FLAGS.get("soak_iterations", 10))):
            await self.large_unary()

    async def channel_soak(self):
        for _ in range(int(FLAGS.get("soak_iterations", 10))):
            async with connect() as channel:
                await self.large_unary(channel)

    async def long_lived_channel(self):
        await self.large_unary()
        await asyncio.sleep(1)
        await self.large_unary()


def connect():
    # A pool of its own: otherwise the core shares connections between channels.
    options = [("grpc.use_local_subchannel_pool", 1)]
    target = FLAGS["server_host"] + ":" + FLAGS["server_port"]
    if FLAGS.get("use_tls") != "true":
        return grpc.aio.insecure_channel(target, options=options)
    if "server_host_override" in FLAGS:
        options.append(("grpc.ssl_target_name_override", FLAGS["server_host_override"]))
    roots = read_file(FLAGS["ca_file"]) if FLAGS.get("use_test_ca") == "true" else None
    return grpc.aio.secure_channel(target, grpc.ssl_channel_credentials(roots), options=options)


async def run_cases():
    failed = 0
    async with connect() as channel:
        cases = Cases(channel)
        for name in FLAGS.get("test_case", "large_unary").split(","):
            try:
                await asyncio.wait_for(getattr(cases, name)(), 30)
                print("PASS", name, flush=True)
            except Exception as error:
                line = traceback.extract_tb(error.__traceback__)[-1].lineno
                text = " ".join(str(error).split())
                print("FAIL %s: line %d: %s %s" % (name, line, type(error).__name__, text), flush=True)
                failed = 1
    return failed


if __name__ == "__main__":
    sys.exit(asyncio.run(serve() if sys.argv[1] == "server" else run_cases()))
