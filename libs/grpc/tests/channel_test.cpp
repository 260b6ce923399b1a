// Connectivity: lazy, repeated, and honest about failure.
#include "echo_service.hpp"

#include <weft/core/connect.hpp>
#include <weft/core/listener.hpp>
#include <weft/testing/co_test.hpp>

#include <gtest/gtest.h>

namespace weft::test {
namespace {

using namespace std::chrono_literals;
using grpc::CallOptions;
using grpc::ChannelConnectivity;
using grpc::ChannelOptions;
using grpc::StatusCode;

// A port where nobody listens: bound, then released.
std::string dead_target() {
    const Listener listener(SocketAddress::loopback(0));
    return "127.0.0.1:" + std::to_string(listener.port());
}

CO_TEST(Channel, connects_when_first_used) {
    EchoPair echo;
    co_await echo.start();
    EXPECT_EQ(echo.channel->get_state(), ChannelConnectivity::idle);
    EXPECT_EQ(echo.channel->get_state(true), ChannelConnectivity::idle);
    co_await echo.channel->wait_for_state_change(ChannelConnectivity::idle);
    co_await echo.channel->channel_ready();
    EXPECT_EQ(echo.channel->get_state(), ChannelConnectivity::ready);
    co_await echo.close();
    EXPECT_EQ(echo.channel->get_state(), ChannelConnectivity::shutdown);
}

CO_TEST(Channel, refused_connection_is_unavailable_with_the_reason) {
    auto channel = grpc::insecure_channel(dead_target());
    auto call = channel.unary_unary("/x/Y")("z");
    const grpc::Status& status = co_await call.status();
    EXPECT_EQ(status.code(), StatusCode::unavailable);
    EXPECT_NE(status.details().find("127.0.0.1"), std::string::npos);
    EXPECT_NE(status.details().find("refused"), std::string::npos) << status.details();
    EXPECT_EQ(channel.get_state(), ChannelConnectivity::transient_failure);
    auto second = channel.unary_unary("/x/Y")("z");
    EXPECT_TRUE(second.done()) << "fails at once in TRANSIENT_FAILURE";
    co_await channel.close();
}

CO_TEST(Channel, wait_for_ready_waits_for_the_server) {
    const std::string target = dead_target();
    auto channel = grpc::insecure_channel(target, ChannelOptions().reconnect_backoff(20ms, 50ms));
    Echo::Stub stub(channel);
    auto call = stub.Say(request_of("patient"), CallOptions().wait_for_ready());
    auto impatient = stub.Say(request_of("no"), CallOptions().wait_for_ready().timeout(60ms));
    const StatusCode code = co_await impatient.code();
    EXPECT_EQ(code, StatusCode::deadline_exceeded);
    EXPECT_FALSE(call.done());
    EchoService service;
    grpc::Server server;
    server.add_service(service);
    server.add_insecure_port(target);
    co_await server.start();
    co_await call.wait_for_connection();
    const EchoReply reply = co_await call;
    EXPECT_EQ(reply.text(), "patient");
    co_await channel.close();
    co_await server.stop();
}

CO_TEST(Channel, connects_again_after_the_server_came_back) {
    auto service = std::make_unique<EchoService>();
    auto server = std::make_unique<grpc::Server>();
    server->add_service(*service);
    const std::string target = "127.0.0.1:" + std::to_string(server->add_insecure_port("127.0.0.1:0"));
    co_await server->start();
    auto channel = grpc::insecure_channel(target, ChannelOptions().reconnect_backoff(10ms, 20ms));
    Echo::Stub stub(channel);
    const EchoReply first = co_await stub.Say(request_of("1"));
    EXPECT_EQ(first.text(), "1");
    co_await server->stop();
    while (channel.get_state() == ChannelConnectivity::ready)
        co_await channel.wait_for_state_change(ChannelConnectivity::ready);
    EchoService again_service;
    grpc::Server again;
    again.add_service(again_service);
    again.add_insecure_port(target);
    co_await again.start();
    const EchoReply second = co_await stub.Say(request_of("2"), CallOptions().wait_for_ready());
    EXPECT_EQ(second.text(), "2");
    co_await channel.close();
    co_await again.stop();
}

CO_TEST(Channel, server_that_only_accepts_is_not_ready) {
    const Listener silent(SocketAddress::loopback(0));
    auto channel = grpc::insecure_channel("127.0.0.1:" + std::to_string(silent.port()),
                                          ChannelOptions().connect_timeout(50ms));
    auto call = channel.unary_unary("/x/Y")("z");
    const grpc::Status& status = co_await call.status();
    EXPECT_EQ(status.code(), StatusCode::unavailable);
    co_await channel.close();
}

CO_TEST(Channel, close_waits_for_running_calls_as_long_as_its_grace) {
    EchoPair echo;
    co_await echo.start();
    auto quick = echo.stub->Say(request_of("quick", 0, 0, 30));
    auto slow = echo.stub->Say(request_of("slow", 0, 0, 60'000));
    while (echo.service.calls < 2) co_await sleep(1ms);
    co_await echo.channel->close(200ms);
    const EchoReply reply = co_await quick;
    EXPECT_EQ(reply.text(), "quick");
    EXPECT_TRUE(slow.cancelled());
    auto late = echo.stub->Say(request_of("late"));
    EXPECT_TRUE(late.cancelled()) << "a closed channel takes no calls";
    co_await echo.channel->close();
    co_await echo.server.stop();
}

CO_TEST(Channel, dropping_it_ends_its_calls) {
    EchoPair echo;
    co_await echo.start();
    auto call = echo.stub->Say(request_of("x", 0, 0, 60'000));
    while (echo.service.calls == 0) co_await sleep(1ms);
    echo.channel.reset();
    EXPECT_TRUE(call.cancelled());
    co_await echo.service.cancellation_seen.wait();
    co_await echo.server.stop();
}

CO_TEST(Channel, name_that_no_server_knows_is_unavailable) {
    auto channel = grpc::insecure_channel("no such host:1");
    auto call = channel.unary_unary("/x/Y")("z");
    const StatusCode code = co_await call.code();
    EXPECT_EQ(code, StatusCode::unavailable);
    co_await channel.close();
}

}  // namespace
}  // namespace weft::test
