// The default limits against floods, and peers that do the same things for good reasons.
#include "peer_process.hpp"
#include "peer_service.hpp"

#include <weft/grpc/channel.hpp>
#include <weft/grpc/introspection.hpp>
#include <weft/testing/co_test.hpp>

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace interop {
namespace {

using namespace std::chrono_literals;
using weft::Task;

Task<void> serve_a_busy_client() {
    PeerService service;
    weft::grpc::Server server(weft::grpc::ServerOptions().permit_keepalive(1ms, true));
    server.add_service(service);
    const int port = server.add_insecure_port("127.0.0.1:0");
    co_await server.start();
    weft::grpc::ServerInfo seen;
    service.on_report = [&](const std::string&) { seen = inspect(server); };
    std::vector<std::string> command{GRPCXX_BUSY_CLIENT, "127.0.0.1:" + std::to_string(port)};
    PeerProcess client(std::move(command));
    const auto outcome = co_await weft::timeout(100s, client.wait());
    EXPECT_EQ(outcome.second, "ok\n");
    // All of it on the first connection: none was ended for flooding.
    EXPECT_EQ(seen.connections.size(), 1U);
    const auto streams = seen.connections.empty() ? 0 : seen.connections.front().streams_started;
    EXPECT_GE(streams, 37'000U);
    co_await server.stop();
}

TEST(Flood, honest_peers_are_left_alone) { weft::testing::run(serve_a_busy_client(), 110s); }

// grpc++'s server measures the line with PINGs and returns windows in small pieces.
Task<void> call_a_busy_server() {
    std::vector<std::string> command{GRPCXX_PEER, "server"};
    PeerProcess process(std::move(command));
    const std::string port = co_await process.read_line();
    auto channel = weft::grpc::insecure_channel("127.0.0.1:" + port);
    Peer::Stub stub(channel);
    auto upload = stub.ClientStream();
    PeerRequest request;
    request.set_count(1);
    for (int i = 0; i < 100'000; ++i) co_await upload.write(request);
    upload.done_writing();
    const PeerReply sum = co_await upload;
    EXPECT_EQ(sum.number(), 100'000);
    request.set_count(100'000);
    auto download = stub.ServerStream(request);
    std::int64_t replies = 0;
    for (;;) {
        auto reply = co_await download.read();
        if (!reply) break;
        ++replies;
    }
    EXPECT_EQ(replies, 100'000);
    const auto info = inspect(channel);
    EXPECT_EQ(info.subchannels.front().connections.front().streams_started, 2U);
    co_await channel.close();
}

TEST(Flood, honest_servers_are_left_alone) { weft::testing::run(call_a_busy_server(), 100s); }

}  // namespace
}  // namespace interop
