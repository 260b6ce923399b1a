// The example of README.md.
#include "echo.weft.hpp"

#include <weft/core.hpp>
#include <weft/grpc/server.hpp>
#include <weft/testing/co_test.hpp>

#include <gtest/gtest.h>

#include <string>

namespace weft::test {
namespace {

using namespace std::chrono_literals;

class Greeter final : public Echo::Service {
public:
    Task<EchoReply> Say(grpc::ServerContext& context, EchoRequest request) override {
        if (request.text().empty()) context.abort(grpc::StatusCode::invalid_argument, "say something");
        EchoReply reply;
        reply.set_text("hello " + request.text());
        co_return reply;
    }
};

CO_TEST(Readme, example_works) {
    Greeter greeter;
    grpc::Server server;
    server.add_service(greeter);
    const int port = server.add_insecure_port("127.0.0.1:0");
    co_await server.start();

    auto channel = grpc::insecure_channel("127.0.0.1:" + std::to_string(port));
    Echo::Stub stub(channel);
    EchoRequest request;
    request.set_text("weft");
    EchoReply reply = co_await stub.Say(request, grpc::CallOptions().timeout(2s));  // or throws RpcError

    EXPECT_EQ(reply.text(), "hello weft");
    co_await channel.close();
    co_await server.stop();
}

}  // namespace
}  // namespace weft::test
