// The channelz service, as its clients see it.
#include "grpc/channelz/v1/channelz.pb.h"
#include "grpc/health/v1/health.pb.h"

#include <weft/core.hpp>
#include <weft/core/tls_context.hpp>
#include <weft/grpc/channel.hpp>
#include <weft/grpc/channelz_service.hpp>
#include <weft/grpc/health_service.hpp>
#include <weft/grpc/protobuf.hpp>
#include <weft/grpc/server.hpp>
#include <weft/testing/co_test.hpp>
#include <weft/testing/test_authority.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

namespace weft::test {
namespace {

using namespace std::chrono_literals;
namespace v1 = ::grpc::channelz::v1;
using grpc::StatusCode;
using ::grpc::health::v1::HealthCheckRequest;
using ::grpc::health::v1::HealthCheckResponse;

// A server with health and channelz, which shows the server itself, and a channel to it, which is shown too.
struct ChannelzPair {
    ChannelzPair() {
        server.add_service(health);
        server.add_service(channelz);
        target = "127.0.0.1:" + std::to_string(server.add_insecure_port("127.0.0.1:0"));
        channelz.add(server);
        shown = std::make_unique<grpc::Channel>(grpc::insecure_channel(target));
        channelz.add(*shown);
        channel = std::make_unique<grpc::Channel>(grpc::insecure_channel(target));
    }
    Task<void> check(const std::string& service) {
        auto call =
            shown->unary_unary<HealthCheckRequest, HealthCheckResponse>("/grpc.health.v1.Health/Check");
        HealthCheckRequest request;
        request.set_service(service);
        auto running = call(request);
        co_await running.code();
    }
    // Asks channelz, through the channel that is not shown.
    template <class Request, class Response>
    grpc::UnaryUnaryCall<Response> ask(const char* method, const Request& request) {
        return channel->unary_unary<Request, Response>(std::string("/grpc.channelz.v1.Channelz/") +
                                                       method)(request);
    }
    grpc::UnaryUnaryCall<v1::GetTopChannelsResponse> channels(std::int64_t start = 0, std::int64_t most = 0) {
        v1::GetTopChannelsRequest request;
        request.set_start_channel_id(start);
        request.set_max_results(most);
        return ask<v1::GetTopChannelsRequest, v1::GetTopChannelsResponse>("GetTopChannels", request);
    }
    grpc::UnaryUnaryCall<v1::GetServersResponse> servers() {
        return ask<v1::GetServersRequest, v1::GetServersResponse>("GetServers", v1::GetServersRequest());
    }
    grpc::UnaryUnaryCall<v1::GetServerSocketsResponse> sockets(std::int64_t server_id, std::int64_t start = 0,
                                                               std::int64_t most = 0) {
        v1::GetServerSocketsRequest request;
        request.set_server_id(server_id);
        request.set_start_socket_id(start);
        request.set_max_results(most);
        return ask<v1::GetServerSocketsRequest, v1::GetServerSocketsResponse>("GetServerSockets", request);
    }
    grpc::UnaryUnaryCall<v1::GetSocketResponse> socket(std::int64_t id) {
        v1::GetSocketRequest request;
        request.set_socket_id(id);
        return ask<v1::GetSocketRequest, v1::GetSocketResponse>("GetSocket", request);
    }
    grpc::UnaryUnaryCall<v1::GetSubchannelResponse> subchannel(std::int64_t id) {
        v1::GetSubchannelRequest request;
        request.set_subchannel_id(id);
        return ask<v1::GetSubchannelRequest, v1::GetSubchannelResponse>("GetSubchannel", request);
    }
    Task<void> close() {
        if (shown) co_await shown->close();
        co_await channel->close();
        co_await server.stop();
    }

    grpc::HealthService health;
    grpc::ChannelzService channelz;
    grpc::Server server;
    std::string target;
    std::unique_ptr<grpc::Channel> shown;
    std::unique_ptr<grpc::Channel> channel;
};

std::chrono::system_clock::time_point time_of(const google::protobuf::Timestamp& at) {
    return std::chrono::system_clock::time_point(
        std::chrono::duration_cast<std::chrono::system_clock::duration>(
            std::chrono::seconds(at.seconds()) + std::chrono::nanoseconds(at.nanos())));
}

CO_TEST(Channelz, channel_tells_its_calls_state_and_trace) {
    const auto before = std::chrono::system_clock::now() - 1s;
    ChannelzPair pair;
    co_await pair.server.start();
    auto first = co_await pair.channels();
    EXPECT_EQ(first.channel_size(), 1);
    EXPECT_TRUE(first.end());
    EXPECT_EQ(first.channel(0).data().state().state(), v1::ChannelConnectivityState::IDLE);
    EXPECT_FALSE(first.channel(0).data().has_last_call_started_timestamp()) << "there was no call";

    co_await pair.check("");
    co_await pair.check("");
    co_await pair.check("nothing");  // NOT_FOUND
    v1::GetChannelRequest request;
    request.set_channel_id(first.channel(0).ref().channel_id());
    const auto answer =
        co_await pair.ask<v1::GetChannelRequest, v1::GetChannelResponse>("GetChannel", request);
    const v1::ChannelData& data = answer.channel().data();
    EXPECT_EQ(answer.channel().ref().name(), pair.target);
    EXPECT_EQ(data.target(), pair.target);
    EXPECT_EQ(data.state().state(), v1::ChannelConnectivityState::READY);
    EXPECT_EQ(data.calls_started(), 3);
    EXPECT_EQ(data.calls_succeeded(), 2);
    EXPECT_EQ(data.calls_failed(), 1);
    const auto now = std::chrono::system_clock::now() + 1s;
    EXPECT_GT(time_of(data.last_call_started_timestamp()), before);
    EXPECT_LT(time_of(data.last_call_started_timestamp()), now);
    EXPECT_GT(time_of(data.trace().creation_timestamp()), before);
    EXPECT_EQ(data.trace().num_events_logged(), 2);
    EXPECT_EQ(data.trace().events_size(), 2);
    EXPECT_EQ(data.trace().events(0).description(), "state is CONNECTING");
    EXPECT_EQ(data.trace().events(1).description(), "state is READY");
    EXPECT_EQ(data.trace().events(1).severity(), v1::ChannelTraceEvent::CT_INFO);
    EXPECT_GE(time_of(data.trace().events(1).timestamp()), time_of(data.trace().creation_timestamp()));
    co_await pair.close();
}

CO_TEST(Channelz, failed_attempts_are_in_the_trace) {
    ChannelzPair pair;
    co_await pair.server.start();
    auto nowhere = grpc::insecure_channel("127.0.0.1:1");
    pair.channelz.add(nowhere);
    (void)nowhere.get_state(true);
    while (nowhere.get_state() != grpc::ChannelConnectivity::transient_failure)
        co_await nowhere.wait_for_state_change(nowhere.get_state());
    const auto answer = co_await pair.channels();
    EXPECT_EQ(answer.channel_size(), 2);
    const auto& trace = answer.channel(1).data().trace();
    const auto& last = trace.events(trace.events_size() - 1);
    EXPECT_EQ(last.severity(), v1::ChannelTraceEvent::CT_WARNING);
    EXPECT_NE(last.description().find("TRANSIENT_FAILURE: failed to connect"), std::string::npos)
        << last.description();
    co_await pair.close();
}

CO_TEST(Channelz, trace_is_bounded) {
    ChannelzPair pair;
    co_await pair.server.start();
    // Every attempt fails, at once and again.
    auto nowhere = grpc::insecure_channel("127.0.0.1:1", grpc::ChannelOptions().reconnect_backoff(1ms, 1ms));
    pair.channelz.add(nowhere);
    (void)nowhere.get_state(true);
    while (grpc::inspect(nowhere).trace.logged < 100) co_await sleep(1ms);
    const auto answer = co_await pair.channels();
    EXPECT_GE(answer.channel(1).data().trace().num_events_logged(), 100);
    EXPECT_EQ(answer.channel(1).data().trace().events_size(), 32);
    co_await pair.close();
}

CO_TEST(Channelz, subchannel_and_socket_tell_both_ends_of_a_connection) {
    ChannelzPair pair;
    co_await pair.server.start();
    co_await pair.check("");
    co_await pair.check("");
    const auto channels = co_await pair.channels();
    EXPECT_EQ(channels.channel(0).subchannel_ref_size(), 1);
    const auto about = co_await pair.subchannel(channels.channel(0).subchannel_ref(0).subchannel_id());
    const v1::Subchannel& subchannel = about.subchannel();
    EXPECT_EQ(subchannel.data().state().state(), v1::ChannelConnectivityState::READY);
    EXPECT_EQ(subchannel.data().calls_started(), 2);
    EXPECT_EQ(subchannel.data().trace().events(0).description(), "state is CONNECTING");
    EXPECT_EQ(subchannel.socket_ref_size(), 1);
    const auto ours = co_await pair.socket(subchannel.socket_ref(0).socket_id());
    const v1::SocketData& data = ours.socket().data();
    EXPECT_EQ(ours.socket().ref().name(), "ipv4:" + pair.target);
    EXPECT_EQ(ours.socket().remote().tcpip_address().ip_address(), std::string("\x7f\0\0\x01", 4));
    EXPECT_EQ("127.0.0.1:" + std::to_string(ours.socket().remote().tcpip_address().port()), pair.target);
    EXPECT_EQ(data.streams_started(), 2);
    EXPECT_EQ(data.streams_succeeded(), 2);
    EXPECT_EQ(data.messages_sent(), 2);
    EXPECT_EQ(data.messages_received(), 2);
    EXPECT_GT(data.remote_flow_control_window().value(), 0);
    EXPECT_GT(data.local_flow_control_window().value(), 0);
    EXPECT_TRUE(data.has_last_local_stream_created_timestamp());
    EXPECT_FALSE(ours.socket().has_security());

    const auto servers = co_await pair.servers();
    EXPECT_EQ(servers.server_size(), 1);
    EXPECT_TRUE(servers.end());
    const v1::Server& server = servers.server(0);
    EXPECT_GE(server.data().calls_started(), 5) << "channelz's own calls are calls";
    EXPECT_GE(server.data().calls_succeeded(), 4);
    EXPECT_EQ(server.listen_socket_size(), 1);
    const auto listener = co_await pair.socket(server.listen_socket(0).socket_id());
    EXPECT_EQ("127.0.0.1:" + std::to_string(listener.socket().local().tcpip_address().port()), pair.target);
    const auto sockets = co_await pair.sockets(server.ref().server_id());
    EXPECT_EQ(sockets.socket_ref_size(), 2);
    const auto theirs = co_await pair.socket(sockets.socket_ref(0).socket_id());
    EXPECT_TRUE(theirs.socket().data().has_last_remote_stream_created_timestamp());
    co_await pair.close();
}

CO_TEST(Channelz, a_server_can_be_asked_for_by_its_id) {
    ChannelzPair pair;
    co_await pair.server.start();
    const auto servers = co_await pair.servers();
    v1::GetServerRequest request;
    request.set_server_id(servers.server(0).ref().server_id());
    const auto answer = co_await pair.ask<v1::GetServerRequest, v1::GetServerResponse>("GetServer", request);
    EXPECT_EQ(answer.server().ref().server_id(), request.server_id());
    EXPECT_EQ(answer.server().listen_socket(0).name(), "ipv4:" + pair.target);
    EXPECT_TRUE(answer.server().data().trace().has_creation_timestamp());
    co_await pair.close();
}

CO_TEST(Channelz, lists_come_in_pages) {
    ChannelzPair pair;
    co_await pair.server.start();
    std::vector<grpc::Channel> more;
    for (int i = 0; i < 4; ++i) {
        more.push_back(grpc::insecure_channel("127.0.0.1:" + std::to_string(1 + i)));
        pair.channelz.add(more.back());
    }
    std::vector<std::string> targets;
    std::vector<int> pages;
    std::int64_t next = 0;
    for (bool end = false; !end;) {
        const auto page = co_await pair.channels(next, 2);
        for (const auto& channel : page.channel()) {
            targets.push_back(channel.data().target());
            next = channel.ref().channel_id() + 1;
        }
        pages.push_back(page.channel_size());
        end = page.end();
    }
    EXPECT_EQ(pages, (std::vector<int>{2, 2, 1}));
    EXPECT_EQ(targets, (std::vector<std::string>{pair.target, "127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:3",
                                                 "127.0.0.1:4"}));

    co_await pair.check("");
    const auto servers = co_await pair.servers();
    const std::int64_t id = servers.server(0).ref().server_id();
    const auto one = co_await pair.sockets(id, 0, 1);
    EXPECT_EQ(one.socket_ref_size(), 1);
    EXPECT_FALSE(one.end());
    const auto rest = co_await pair.sockets(id, one.socket_ref(0).socket_id() + 1, 1);
    EXPECT_EQ(rest.socket_ref_size(), 1);
    EXPECT_TRUE(rest.end());
    EXPECT_NE(rest.socket_ref(0).socket_id(), one.socket_ref(0).socket_id());
    co_await pair.close();
}

CO_TEST(Channelz, what_is_gone_is_not_found) {
    ChannelzPair pair;
    co_await pair.server.start();
    co_await pair.check("");
    const auto before = co_await pair.channels();
    const auto gone = before.channel(0);
    co_await pair.shown->close();
    pair.shown.reset();
    const auto after = co_await pair.channels();
    EXPECT_EQ(after.channel_size(), 0);
    EXPECT_TRUE(after.end());
    auto subchannel = pair.subchannel(gone.subchannel_ref(0).subchannel_id());
    const StatusCode subchannel_code = co_await subchannel.code();
    EXPECT_EQ(subchannel_code, StatusCode::not_found);
    for (const std::int64_t id :
         {std::int64_t{0}, std::int64_t{77}, std::int64_t{-1}, INT64_MAX, INT64_MIN}) {
        auto socket = pair.socket(id);
        const StatusCode code = co_await socket.code();
        EXPECT_EQ(code, StatusCode::not_found) << id;
        auto sockets = pair.sockets(id);
        const StatusCode sockets_code = co_await sockets.code();
        EXPECT_EQ(sockets_code, id == 1 ? StatusCode::ok : StatusCode::not_found) << id;
    }
    auto negative = pair.channels(-1);
    const StatusCode code = co_await negative.code();
    EXPECT_EQ(code, StatusCode::invalid_argument);
    auto raw = pair.channel->unary_unary("/grpc.channelz.v1.Channelz/GetSocket")("\xff\xff\xff");
    const StatusCode raw_code = co_await raw.code();
    EXPECT_EQ(raw_code, StatusCode::internal);
    co_await pair.close();
}

CO_TEST(Channelz, shows_each_thing_once) {
    ChannelzPair pair;
    EXPECT_THROW(pair.channelz.add(*pair.shown), UsageError);
    grpc::ChannelzService other;
    EXPECT_THROW(other.add(pair.server), UsageError);
    co_await pair.channel->close();
}

CO_TEST(Channelz, tells_the_cipher_of_tls) {
    testing::TestAuthority authority;
    const auto files = authority.issue({"localhost"});
    grpc::HealthService health;
    grpc::ChannelzService channelz;
    grpc::Server server;
    server.add_service(health);
    server.add_service(channelz);
    const auto tls = TlsContext::server(TlsIdentity::from_pem(files.chain, files.key)).alpn("h2");
    const int port = server.add_secure_port("127.0.0.1:0", tls);
    co_await server.start();
    auto channel = grpc::secure_channel("localhost:" + std::to_string(port),
                                        TlsContext::client().ca_pem(authority.pem()).alpn("h2"));
    channelz.add(channel);
    co_await channel.channel_ready();
    const auto info = grpc::inspect(channel);
    v1::GetSocketRequest request;
    request.set_socket_id(std::int64_t{1} << 32 |
                          static_cast<std::int64_t>(info.subchannels.at(0).connections.at(0).id));
    auto get = channel.unary_unary<v1::GetSocketRequest, v1::GetSocketResponse>(
        "/grpc.channelz.v1.Channelz/GetSocket");
    const auto answer = co_await get(request);
    EXPECT_EQ(answer.socket().security().tls().standard_name(), "TLS_AES_256_GCM_SHA384");
    co_await channel.close();
    co_await server.stop();
}

}  // namespace
}  // namespace weft::test
