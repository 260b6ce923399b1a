"""Reads weft's channelz with Python's gRPC: `python_channelz.py PROTO_FOLDER TARGET CALLS FAILED`. The server at TARGET
shows itself and one channel, which has made CALLS calls, of which FAILED failed. Says what is wrong, if anything."""

import sys
import time

import grpc

sys.path.insert(0, sys.argv[1])
pb, services = grpc.protos_and_services("channelz.proto")

target, calls, failed = sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
port = int(target.rsplit(":", 1)[1])


def same(what, got, wanted):
    if got != wanted:
        sys.exit(f"{what}: {got!r}, not {wanted!r}")


def recent(what, timestamp):
    if abs(timestamp.ToMilliseconds() / 1000 - time.time()) > 60:
        sys.exit(f"{what}: {timestamp}")


def check_calls(what, data):
    same(what + " started", data.calls_started, calls)
    same(what + " succeeded", data.calls_succeeded, calls - failed)
    same(what + " failed", data.calls_failed, failed)
    recent(what + " last call", data.last_call_started_timestamp)


stub = services.ChannelzStub(grpc.insecure_channel(target))

top = stub.GetTopChannels(pb.GetTopChannelsRequest())
same("channels", len(top.channel), 1)
same("end of channels", top.end, True)
channel = stub.GetChannel(pb.GetChannelRequest(channel_id=top.channel[0].ref.channel_id)).channel
same("channel", channel.ref, top.channel[0].ref)
same("target", channel.data.target, target)
same("state", channel.data.state.state, pb.ChannelConnectivityState.READY)
check_calls("channel", channel.data)
recent("creation of the channel", channel.data.trace.creation_timestamp)
same("events", [e.description for e in channel.data.trace.events], ["state is CONNECTING", "state is READY"])

subchannel = stub.GetSubchannel(
    pb.GetSubchannelRequest(subchannel_id=channel.subchannel_ref[0].subchannel_id)).subchannel
same("state of the subchannel", subchannel.data.state.state, pb.ChannelConnectivityState.READY)
same("streams", subchannel.data.calls_started, calls)
socket = stub.GetSocket(pb.GetSocketRequest(socket_id=subchannel.socket_ref[0].socket_id)).socket
same("remote address", socket.remote.tcpip_address.ip_address, b"\x7f\x00\x00\x01")
same("remote port", socket.remote.tcpip_address.port, port)
same("streams of the socket", socket.data.streams_started, calls)
same("messages sent", socket.data.messages_sent, calls)
same("messages received", socket.data.messages_received, calls - failed)
recent("last stream", socket.data.last_local_stream_created_timestamp)

servers = stub.GetServers(pb.GetServersRequest())
same("servers", len(servers.server), 1)
server = stub.GetServer(pb.GetServerRequest(server_id=servers.server[0].ref.server_id)).server
# Ours are six by now, with this one.
same("calls of the server", server.data.calls_started, calls + 6)
same("failed calls of the server", server.data.calls_failed, failed)
listener = stub.GetSocket(pb.GetSocketRequest(socket_id=server.listen_socket[0].socket_id)).socket
same("port that is listened on", listener.local.tcpip_address.port, port)
first = stub.GetServerSockets(pb.GetServerSocketsRequest(server_id=server.ref.server_id, max_results=1))
same("end of the first page", first.end, False)
rest = stub.GetServerSockets(
    pb.GetServerSocketsRequest(server_id=server.ref.server_id, start_socket_id=first.socket_ref[0].socket_id + 1))
same("sockets of the server", len(first.socket_ref) + len(rest.socket_ref), 2)
same("end of sockets", rest.end, True)
theirs = stub.GetSocket(pb.GetSocketRequest(socket_id=first.socket_ref[0].socket_id)).socket
same("streams at the server", theirs.data.streams_started, calls)

try:
    stub.GetSocket(pb.GetSocketRequest(socket_id=12345))
    sys.exit("a socket that there is not was found")
except grpc.RpcError as error:
    same("status of an unknown socket", error.code(), grpc.StatusCode.NOT_FOUND)
