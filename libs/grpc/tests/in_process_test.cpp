// The in-process channel, and jumping time over it; channels over transports of one's own; inherited sockets.
#include "echo_service.hpp"

#include <weft/grpc/in_process.hpp>
#include <weft/grpc/socket_activation.hpp>
#include <weft/testing/co_test.hpp>

#include <gtest/gtest.h>

#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

namespace weft::test {
namespace {

using namespace std::chrono_literals;
using grpc::CallOptions;
using grpc::StatusCode;

struct Local {
    explicit Local(grpc::ChannelOptions options = grpc::ChannelOptions()) {
        server.add_service(service);
        channel = std::make_unique<grpc::Channel>(grpc::in_process_channel(server, std::move(options)));
        stub = std::make_unique<Echo::Stub>(*channel);
    }
    EchoService service;
    grpc::Server server;
    std::unique_ptr<grpc::Channel> channel;
    std::unique_ptr<Echo::Stub> stub;
};

CO_TEST(InProcess, every_kind_of_call_passes) {
    Local local;
    co_await local.server.start();
    const EchoReply reply = co_await local.stub->Say(request_of("hello"));
    EXPECT_EQ(reply.text(), "hello");
    const EchoReply large = co_await local.stub->Say(request_of("x", 3'000'000));
    EXPECT_EQ(large.text().size(), 3'000'000U);
    auto list = local.stub->List(request_of("x", 1000));
    int got = 0;
    for (;;) {
        auto message = co_await list.read();
        if (!message) break;
        ++got;
    }
    EXPECT_EQ(got, 1000);
    co_await local.channel->close();
    co_await local.server.stop();
}

CO_TEST_MANUAL(InProcess, hours_pass_at_once_in_jumping_time) {
    Local local;
    co_await local.server.start();
    auto call = local.stub->Say(request_of("x", 0, 0, 3'600'000), CallOptions().timeout(30min));
    const StatusCode code = co_await call.code();
    EXPECT_EQ(code, StatusCode::deadline_exceeded);
    const EchoReply reply = co_await local.stub->Say(request_of("late", 0, 0, 3'600'000));
    EXPECT_EQ(reply.text(), "late");
    co_await local.channel->close();
    co_await local.server.stop();
}

CO_TEST(InProcess, stopped_server_is_unavailable) {
    Local local;
    co_await local.server.start();
    co_await local.server.stop();
    auto call = local.stub->Say(request_of("x"));
    const StatusCode code = co_await call.code();
    EXPECT_EQ(code, StatusCode::unavailable);
    co_await local.channel->close();
}

CO_TEST(SocketActivation, serves_on_a_socket_that_listens_already) {
    Listener socket(SocketAddress::ip("127.0.0.1", 0));
    EchoService service;
    grpc::Server server;
    server.add_service(service);
    const int port = grpc::add_listener(server, std::move(socket));
    EXPECT_NE(port, 0);
    co_await server.start();
    auto channel = grpc::insecure_channel("127.0.0.1:" + std::to_string(port));
    Echo::Stub stub(channel);
    const EchoReply reply = co_await stub.Say(request_of("inherited"));
    EXPECT_EQ(reply.text(), "inherited");
    co_await channel.close();
    co_await server.stop();
}

// In a child, whose descriptors and environment are its own: gives 0 when all is as it should be.
int activated_child(int socket) {
    if (::dup2(socket, 3) != 3) return 1;
    ::setenv("LISTEN_PID", std::to_string(::getpid()).c_str(), 1);
    ::setenv("LISTEN_FDS", "1", 1);
    ::setenv("LISTEN_FDNAMES", "grpc", 1);
    auto taken = grpc::inherited_listeners();
    if (taken.size() != 1 || taken[0].name != "grpc") return 2;
    if (!grpc::inherited_listeners().empty()) return 3;
    ::setenv("LISTEN_PID", "1", 1);
    ::setenv("LISTEN_FDS", "1", 1);
    if (!grpc::inherited_listeners().empty()) return 4;
    return taken[0].listener.port() != 0 ? 0 : 5;
}

TEST(SocketActivation, takes_what_systemd_hands_over_once) {
    const int socket = ::socket(AF_INET, SOCK_STREAM, 0);
    ASSERT_GE(socket, 0);
    const SocketAddress address = SocketAddress::ip("127.0.0.1", 0);
    ASSERT_EQ(::bind(socket, static_cast<const sockaddr*>(address.native()),
                     static_cast<socklen_t>(address.native_size())),
              0);
    ASSERT_EQ(::listen(socket, 4), 0);
    const pid_t child = ::fork();
    if (child == 0) ::_exit(activated_child(socket));
    int status = 0;
    ::waitpid(child, &status, 0);
    ::close(socket);
    EXPECT_TRUE(WIFEXITED(status));
    EXPECT_EQ(WEXITSTATUS(status), 0);
}

// Each side has more to send than the connection holds, and must go on reading for the other to get rid of
// its own.
CO_TEST(InProcess, full_in_both_directions_is_no_deadlock) {
    EchoService service;
    grpc::Server server;
    server.add_service(service);
    co_await server.start();
    auto channel = grpc::in_process_channel(server);
    Echo::Stub stub(channel);
    std::vector<grpc::UnaryUnaryCall<EchoReply>> calls;
    const std::string text(100'000, 'x');
    for (int i = 0; i < 500; ++i) calls.push_back(stub.Say(request_of(text)));
    for (auto& call : calls) {
        const EchoReply reply = co_await call;
        EXPECT_EQ(reply.text().size(), text.size());
    }
    co_await channel.close();
    co_await server.stop();
}

}  // namespace
}  // namespace weft::test
