// weft's channelz, read by Python's gRPC with the official .proto.
#include "peer.weft.hpp"
#include "peer_process.hpp"

#include <weft/core.hpp>
#include <weft/grpc/channelz_service.hpp>
#include <weft/grpc/server.hpp>

#include <gtest/gtest.h>

#include <cstdlib>
#include <string>
#include <vector>

namespace interop {
namespace {

using namespace std::chrono_literals;
using weft::Task;

class Echo final : public Peer::Service {
public:
    Task<PeerReply> Unary(weft::grpc::ServerContext& context, PeerRequest request) override {
        if (request.fail_code() != 0)
            context.abort(static_cast<weft::grpc::StatusCode>(request.fail_code()), "as it was asked");
        co_return PeerReply();
    }
};

Task<void> read_by_python() {
    Echo echo;
    weft::grpc::ChannelzService channelz;
    weft::grpc::Server server;
    server.add_service(echo);
    server.add_service(channelz);
    const int port = server.add_insecure_port("127.0.0.1:0");
    co_await server.start();
    const std::string target = "127.0.0.1:" + std::to_string(port);
    auto channel = weft::grpc::insecure_channel(target);
    channelz.add(server);
    channelz.add(channel);

    Peer::Stub stub(channel);
    PeerRequest failing;
    failing.set_fail_code(5);
    for (int i = 0; i < 5; ++i) co_await stub.Unary(PeerRequest());
    for (int i = 0; i < 2; ++i) {
        auto call = stub.Unary(failing);
        co_await call.code();
    }

    const char* venv = std::getenv("WEFT_PEERS_VENV");
    std::vector<std::string> command{std::string(venv ? venv : PEERS_VENV) + "/bin/python",
                                     PYTHON_CHANNELZ,
                                     CHANNELZ_PROTO_FOLDER,
                                     target,
                                     "7",
                                     "2"};
    PeerProcess python(std::move(command));
    const auto result = co_await python.wait();
    EXPECT_EQ(result.first, 0) << result.second;
    co_await channel.close();
    co_await server.stop();
}

TEST(GrpcChannelzInterop, python_reads_what_channels_and_servers_do) {
    weft::Loop loop;
    loop.run(weft::timeout(100s, read_by_python()));
}

}  // namespace
}  // namespace interop
