// What channels and servers do with connections: balancing, keepalive, idleness, age, health, limits of
// metadata.
#include "echo_service.hpp"

#include <weft/core/connect.hpp>
#include <weft/core/listener.hpp>
#include <weft/testing/co_test.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

namespace weft::test {
namespace {

using namespace std::chrono_literals;
using grpc::CallOptions;
using grpc::ChannelConnectivity;
using grpc::ChannelOptions;
using grpc::ServerOptions;
using grpc::StatusCode;

// Three servers, and a target that names them all.
struct Servers {
    Servers() {
        for (int i = 0; i < 3; ++i) {
            servers[i].add_service(services[i]);
            const int port = servers[i].add_insecure_port("127.0.0.1:0");
            target += (i == 0 ? "ipv4:127.0.0.1:" : ",127.0.0.1:") + std::to_string(port);
        }
    }
    Task<void> start() {
        for (auto& server : servers) co_await server.start();
    }
    Task<void> stop() {
        for (auto& server : servers) co_await server.stop();
    }
    [[nodiscard]] std::vector<int> calls() const {
        return {services[0].calls, services[1].calls, services[2].calls};
    }
    EchoService services[3];
    grpc::Server servers[3];
    std::string target;
};

CO_TEST(RoundRobin, calls_take_turns_over_all_addresses) {
    Servers three;
    co_await three.start();
    auto channel = grpc::insecure_channel(three.target, ChannelOptions().load_balancing("round_robin"));
    Echo::Stub stub(channel);
    co_await channel.channel_ready();
    // READY means one connection; the others follow.
    while (std::ranges::min(three.calls()) == 0) co_await stub.Say(request_of("x"));
    const auto before = three.calls();
    for (int i = 0; i < 30; ++i) co_await stub.Say(request_of("x"));
    for (int i = 0; i < 3; ++i) EXPECT_EQ(three.calls()[i] - before[i], 10);
    co_await three.servers[1].stop();
    for (int i = 0; i < 10; ++i) co_await stub.Say(request_of("x"));
    EXPECT_EQ(channel.get_state(), ChannelConnectivity::ready);
    co_await channel.close();
    co_await three.stop();
}

CO_TEST(PickFirst, stays_with_one_address_and_takes_the_next_when_it_dies) {
    Servers three;
    co_await three.start();
    auto channel = grpc::insecure_channel(three.target);
    Echo::Stub stub(channel);
    for (int i = 0; i < 10; ++i) co_await stub.Say(request_of("x"));
    EXPECT_EQ(three.calls(), (std::vector<int>{10, 0, 0}));
    co_await three.servers[0].stop();
    for (int i = 0; i < 10; ++i) co_await stub.Say(request_of("x"));
    EXPECT_EQ(three.calls(), (std::vector<int>{10, 10, 0}));
    co_await channel.close();
    co_await three.stop();
}

CO_TEST(Channel, is_idle_after_its_idle_timeout_and_wakes_with_a_call) {
    EchoPair echo(ServerOptions(), ChannelOptions().client_idle_timeout(40ms));
    co_await echo.start();
    co_await echo.stub->Say(request_of("x"));
    EXPECT_EQ(echo.channel->get_state(), ChannelConnectivity::ready);
    co_await echo.channel->wait_for_state_change(ChannelConnectivity::ready);
    EXPECT_EQ(echo.channel->get_state(), ChannelConnectivity::idle);
    const EchoReply reply = co_await echo.stub->Say(request_of("again"));
    EXPECT_EQ(reply.text(), "again");
    co_await echo.close();
}

CO_TEST(Channel, is_not_idle_while_a_call_runs) {
    EchoPair echo(ServerOptions(), ChannelOptions().client_idle_timeout(20ms));
    co_await echo.start();
    const EchoReply reply = co_await echo.stub->Say(request_of("slow", 0, 0, 120));
    EXPECT_EQ(reply.text(), "slow");
    EXPECT_EQ(echo.service.cancelled, 0);
    co_await echo.close();
}

CO_TEST(Server, sends_idle_and_old_connections_away_without_losing_a_call) {
    const bool by_age[] = {false, true};
    for (const bool age : by_age) {
        ServerOptions options;
        if (age) std::move(options).max_connection_age(30ms);
        if (!age) std::move(options).max_connection_idle(30ms);
        EchoPair echo(std::move(options));
        co_await echo.start();
        auto slow = echo.stub->Say(request_of("slow", 0, 0, 100));
        const EchoReply reply = co_await slow;
        EXPECT_EQ(reply.text(), "slow");
        if (echo.channel->get_state() == ChannelConnectivity::ready)
            co_await echo.channel->wait_for_state_change(ChannelConnectivity::ready);
        EXPECT_EQ(echo.channel->get_state(), ChannelConnectivity::idle);
        for (int i = 0; i < 50; ++i) {
            co_await echo.stub->Say(request_of("x"));
            co_await sleep(1ms);
        }
        co_await echo.close();
    }
}

CO_TEST(Server, ends_calls_of_an_old_connection_after_the_grace) {
    EchoPair echo(ServerOptions().max_connection_age(20ms, 30ms));
    co_await echo.start();
    auto slow = echo.stub->Say(request_of("slow", 0, 0, 60'000));
    const grpc::Status& status = co_await slow.status();
    EXPECT_EQ(status.code(), StatusCode::unavailable) << status.to_string();
    co_await echo.close();
}

// A server that accepts, speaks HTTP/2 for a moment and is dead then.
CO_TEST(Keepalive, ends_the_calls_of_a_server_that_is_gone) {
    Listener listener(SocketAddress::loopback(0));
    auto channel = grpc::insecure_channel("127.0.0.1:" + std::to_string(listener.port()),
                                          ChannelOptions().keepalive(30ms, 30ms));
    auto call = channel.unary_unary("/x/Y")("z");
    auto stream = co_await listener.accept();
    const std::string settings("\0\0\0\4\0\0\0\0\0", 9);
    co_await stream->write_all(settings);
    const grpc::Status& status = co_await call.status();
    EXPECT_EQ(status.code(), StatusCode::unavailable);
    EXPECT_NE(status.details().find("keepalive"), std::string::npos) << status.details();
    co_await channel.close();
}

CO_TEST(Keepalive, keeps_a_quiet_connection_to_a_server_that_answers) {
    EchoPair echo(ServerOptions().permit_keepalive(1ms, true), ChannelOptions().keepalive(10ms, 1s, true));
    co_await echo.start();
    const EchoReply reply = co_await echo.stub->Say(request_of("slow", 0, 0, 150));
    EXPECT_EQ(reply.text(), "slow");
    EXPECT_EQ(echo.channel->get_state(), ChannelConnectivity::ready);
    co_await echo.close();
}

CO_TEST(Keepalive, server_ends_connections_that_ping_too_much) {
    EchoPair echo(ServerOptions(), ChannelOptions().keepalive(10ms, 1s, true));
    co_await echo.start();
    auto call = echo.stub->Say(request_of("slow", 0, 0, 60'000));
    const grpc::Status& status = co_await call.status();
    EXPECT_EQ(status.code(), StatusCode::unavailable) << status.to_string();
    EXPECT_NE(status.details().find("too_many_pings"), std::string::npos) << status.details();
    co_await echo.close();
}

CO_TEST(Keepalive, server_ends_connections_of_a_client_that_is_gone) {
    EchoPair echo(ServerOptions().keepalive(20ms, 20ms));
    co_await echo.start();
    auto client = co_await connect(SocketAddress::ip("127.0.0.1", static_cast<std::uint16_t>(echo.port)));
    co_await client->write_all(std::string("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0", 33));
    std::vector<std::byte> buffer(4096);
    for (;;) {
        const std::size_t n = co_await client->read_some(buffer);
        if (n == 0) break;
    }
    co_await echo.close();
}

// Health of the service that a channel watches, by hand: grpc.health.v1.
class Health final : public grpc::Service {
public:
    Health() { add_unary_stream("/grpc.health.v1.Health/Watch", &Health::watch); }
    Task<void> watch(grpc::ServerContext&, std::string request, grpc::ServerWriter<std::string>& responses) {
        asked = request;
        for (;;) {
            const std::string answer{'\x08', serving ? '\x01' : '\x02'};
            co_await responses.write(answer);
            changed.clear();
            co_await changed.wait();
        }
    }
    void set(bool on) {
        serving = on;
        changed.set();
    }
    std::string asked;
    bool serving = false;
    Event changed;
};

CO_TEST(HealthCheck, channel_is_ready_only_while_the_service_serves) {
    Health health;
    EchoPair echo(ServerOptions(),
                  ChannelOptions().service_config(R"({"healthCheckConfig": {"serviceName": "lab"}})"));
    echo.server.add_service(health);
    co_await echo.start();
    auto early = echo.stub->Say(request_of("no"));
    const grpc::Status& status = co_await early.status();
    EXPECT_EQ(status.code(), StatusCode::unavailable);
    EXPECT_NE(status.details().find("not serving"), std::string::npos) << status.details();
    EXPECT_EQ(health.asked, "\x0A\x03lab");
    auto patient = echo.stub->Say(request_of("yes"), CallOptions().wait_for_ready());
    health.set(true);
    const EchoReply reply = co_await patient;
    EXPECT_EQ(reply.text(), "yes");
    EXPECT_EQ(echo.channel->get_state(), ChannelConnectivity::ready);
    health.set(false);
    co_await echo.channel->wait_for_state_change(ChannelConnectivity::ready);
    EXPECT_EQ(echo.channel->get_state(), ChannelConnectivity::transient_failure);
    co_await echo.close();
}

CO_TEST(HealthCheck, server_without_the_service_counts_as_healthy) {
    EchoPair echo(ServerOptions(),
                  ChannelOptions().service_config(R"({"healthCheckConfig": {"serviceName": ""}})"));
    co_await echo.start();
    const EchoReply reply = co_await echo.stub->Say(request_of("x"));
    EXPECT_EQ(reply.text(), "x");
    co_await echo.close();
}

// Fails with as many bytes of details as it is asked for.
class Detailed final : public grpc::Service {
public:
    Detailed() { add_unary_unary("/weft.test.Detailed/Fail", &Detailed::fail); }
    Task<std::string> fail(grpc::ServerContext& context, std::string bytes) {
        std::string details;
        for (int i = 0; i < std::stoi(bytes); ++i) details += static_cast<char>(i * 7 % 251);
        context.abort(StatusCode::unknown, "many failed", std::move(details));
        co_return "";
    }
};

CO_TEST(MetadataSize, large_details_arrive_when_the_client_allows_them) {
    Detailed service;
    grpc::Server server;
    server.add_service(service);
    const std::string target = "127.0.0.1:" + std::to_string(server.add_insecure_port("127.0.0.1:0"));
    co_await server.start();
    auto large = grpc::insecure_channel(target, ChannelOptions().max_metadata_size(1 << 20));
    auto call = large.unary_unary("/weft.test.Detailed/Fail")("50000");
    const grpc::Status status = co_await call.status();
    EXPECT_EQ(status.code(), StatusCode::unknown);
    EXPECT_EQ(status.details(), "many failed");
    EXPECT_EQ(status.details_bin().size(), 50'000U);
    // More than HPACK's reader takes: the server leaves the details out rather than lose the connection.
    auto too_large = large.unary_unary("/weft.test.Detailed/Fail")("200000");
    const grpc::Status cut = co_await too_large.status();
    EXPECT_EQ(cut.code(), StatusCode::unknown);
    EXPECT_EQ(cut.details_bin(), "");
    EXPECT_NE(cut.details().find("many failed"), std::string::npos);
    EXPECT_NE(cut.details().find("over the client's limit"), std::string::npos) << cut.details();
    EXPECT_EQ(large.get_state(), ChannelConnectivity::ready);
    auto small = grpc::insecure_channel(target);
    auto default_call = small.unary_unary("/weft.test.Detailed/Fail")("50000");
    const grpc::Status short_status = co_await default_call.status();
    EXPECT_EQ(short_status.code(), StatusCode::unknown);
    EXPECT_EQ(short_status.details_bin(), "");
    co_await large.close();
    co_await small.close();
    co_await server.stop();
}

CO_TEST(MetadataSize, servers_take_as_much_as_their_option_says) {
    const bool sizes[] = {false, true};
    for (const bool large : sizes) {
        ServerOptions options;
        if (large) std::move(options).max_metadata_size(60'000);
        EchoPair echo(std::move(options));
        co_await echo.start();
        grpc::Metadata metadata;
        metadata.add("x-large", std::string(40'000, 'v'));
        auto call = echo.stub->Say(request_of("x"), CallOptions().metadata(std::move(metadata)));
        const StatusCode code = co_await call.code();
        EXPECT_EQ(code, large ? StatusCode::ok : StatusCode::resource_exhausted);
        co_await echo.close();
    }
}

// nghttp2 ends a connection on which a value is longer than 64 KiB: such metadata must not be sent.
CO_TEST(MetadataSize, beyond_the_servers_limit_fails_its_call_alone) {
    EchoPair echo(ServerOptions().max_metadata_size(1 << 20));
    co_await echo.start();
    auto other = echo.stub->Say(request_of("beside", 0, 0, 300));
    for (const std::size_t size : {std::size_t{72 * 1024}, std::size_t{1'000'000}}) {
        grpc::Metadata metadata;
        metadata.add("x-large", std::string(size, 'v'));
        auto call = echo.stub->Say(request_of("x"), CallOptions().metadata(std::move(metadata)));
        const grpc::Status status = co_await call.status();
        EXPECT_EQ(status.code(), StatusCode::resource_exhausted) << status.to_string();
        EXPECT_NE(status.details().find("the server's limit of 73728"), std::string::npos)
            << status.details();
    }
    const EchoReply reply = co_await other;
    EXPECT_EQ(reply.text(), "beside");
    co_await echo.close();
}

class Verbose final : public grpc::Service {
public:
    Verbose() { add_unary_unary("/weft.test.Verbose/Say", &Verbose::say); }
    Task<std::string> say(grpc::ServerContext& context, std::string bytes) {
        grpc::Metadata metadata;
        metadata.add("x-large", std::string(static_cast<std::size_t>(std::stoi(bytes)), 'v'));
        context.send_initial_metadata(std::move(metadata));
        co_return "said";
    }
};

CO_TEST(MetadataSize, beyond_the_clients_limit_is_the_handlers_error) {
    Verbose service;
    grpc::Server server;
    server.add_service(service);
    const std::string target = "127.0.0.1:" + std::to_string(server.add_insecure_port("127.0.0.1:0"));
    co_await server.start();
    auto channel = grpc::insecure_channel(target, ChannelOptions().max_metadata_size(1 << 20));
    const std::string good = co_await channel.unary_unary("/weft.test.Verbose/Say")("10000");
    EXPECT_EQ(good, "said");
    auto call = channel.unary_unary("/weft.test.Verbose/Say")("100000");
    const grpc::Status status = co_await call.status();
    EXPECT_EQ(status.code(), StatusCode::resource_exhausted) << status.to_string();
    EXPECT_NE(status.details().find("the client's limit of 73728"), std::string::npos) << status.details();
    EXPECT_EQ(channel.get_state(), ChannelConnectivity::ready);
    co_await channel.close();
    co_await server.stop();
}

// Standard error, caught while it lives.
class CaughtStderr {
public:
    CaughtStderr() { ::testing::internal::CaptureStderr(); }
    std::string text() { return ::testing::internal::GetCapturedStderr(); }
};

CO_TEST(Protobuf, text_that_is_not_utf8_is_an_error_and_prints_nothing) {
    EchoPair echo;
    co_await echo.start();
    CaughtStderr caught;
    auto call = echo.channel->unary_unary("/weft.test.Echo/Say")("\x0A\x02\xff\xfe");
    const grpc::Status status = co_await call.status();
    EXPECT_EQ(status.code(), StatusCode::internal);
    auto sent = echo.stub->Say(request_of("\xff\xfe"));
    const StatusCode code = co_await sent.code();
    EXPECT_EQ(code, StatusCode::internal);
    EXPECT_EQ(caught.text(), "");
    co_await echo.close();
}

CO_TEST(Call, done_callbacks_get_the_status_once) {
    EchoPair echo;
    co_await echo.start();
    std::vector<std::string> told;
    Event all;
    const auto note = [&](const grpc::Status& status) {
        told.push_back(status.to_string());
        if (told.size() == 3) all.set();
        throw std::runtime_error("dropped");
    };
    auto call = echo.stub->Say(request_of("x"));
    call.add_done_callback(note);
    EXPECT_TRUE(told.empty());
    co_await call;
    call.add_done_callback(note);
    {
        auto dropped = echo.stub->Say(request_of("x"));
        dropped.add_done_callback(note);
    }
    co_await all.wait();
    EXPECT_EQ(told, (std::vector<std::string>{"OK", "OK", "CANCELLED: the call object was dropped"}));
    co_await echo.close();
}

}  // namespace
}  // namespace weft::test
