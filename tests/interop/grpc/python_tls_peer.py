"""The grpc.aio peer of the TLS cases. Folder FILES holds ca.pem, server.pem, server.key, client.pem and client.key.
`python_tls_peer.py PROTO_FOLDER server FILES CASE` prints its target and serves until its input ends;
`python_tls_peer.py PROTO_FOLDER client FILES CASE TARGET` runs one case."""

import asyncio
import sys

import grpc

sys.path.insert(0, sys.argv[1])
pb, services = grpc.protos_and_services("peer.proto")
FILES = sys.argv[3]


def file(name):
    with open(f"{FILES}/{name}", "rb") as opened:
        return opened.read()


class Peer(services.PeerServicer):
    async def Unary(self, request, context):
        got = dict(context.invocation_metadata())
        seen = [got.get("authorization", "-"), got.get("x-call", "-")]
        seen += [name.decode() for name in context.peer_identities() or []]
        return pb.PeerReply(text=" ".join(seen))


async def serve(case):
    server = grpc.aio.server()
    services.add_PeerServicer_to_server(Peer(), server)
    if case == "local":
        credentials = grpc.local_server_credentials(grpc.LocalConnectionType.UDS)
        target = f"unix:{FILES}/python.sock"
        server.add_secure_port(target, credentials)
    else:
        mutual = case == "mutual"
        credentials = grpc.ssl_server_credentials(
            [(file("server.key"), file("server.pem"))], file("ca.pem") if mutual else None, mutual)
        target = f"127.0.0.1:{server.add_secure_port('127.0.0.1:0', credentials)}"
    await server.start()
    print(target, flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    await server.stop(0.2)


class Stamp(grpc.AuthMetadataPlugin):
    def __call__(self, context, callback):
        assert context.service_url.endswith("/interop.Peer"), context.service_url
        callback((("x-call", context.method_name),), None)


async def client(case, target):
    mutual = case == "mutual"
    if case == "local":
        credentials = grpc.local_channel_credentials(grpc.LocalConnectionType.UDS)
    else:
        credentials = grpc.ssl_channel_credentials(
            file("ca.pem"), file("client.key") if mutual else None, file("client.pem") if mutual else None)
    if case in ("credentials", "local"):
        credentials = grpc.composite_channel_credentials(credentials, grpc.access_token_call_credentials("t"))
    options = [] if case == "local" else [("grpc.ssl_target_name_override", "sw1.test")]
    per_call = grpc.metadata_call_credentials(Stamp()) if case in ("credentials", "local") else None
    async with grpc.aio.secure_channel(target, credentials, options=options) as channel:
        reply = await services.PeerStub(channel).Unary(pb.PeerRequest(), credentials=per_call)
    expected = {"mutual": "- - controller.test", "credentials": "Bearer t Unary", "local": "Bearer t Unary"}
    assert reply.text == expected.get(case, "- -"), reply.text
    print("ok")


if __name__ == "__main__":
    if sys.argv[2] == "server":
        asyncio.run(serve(sys.argv[4]))
    else:
        asyncio.run(client(sys.argv[4], sys.argv[5]))
