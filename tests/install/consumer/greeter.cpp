// A server and a client of the consumer's own .proto.
#include "greeter.weft.hpp"

#include <weft/core.hpp>
#include <weft/grpc/channel.hpp>
#include <weft/grpc/health_service.hpp>
#include <weft/grpc/server.hpp>

#include <iostream>
#include <string>

namespace {

class Greeter final : public consumer::Greeter::Service {
public:
    weft::Task<consumer::HelloReply> Hello(weft::grpc::ServerContext&,
                                           consumer::HelloRequest request) override {
        consumer::HelloReply reply;
        reply.set_text("hello " + request.name());
        co_return reply;
    }
};

weft::Task<void> greet() {
    Greeter greeter;
    weft::grpc::HealthService health;
    weft::grpc::Server server;
    server.add_service(greeter);
    server.add_service(health);
    const int port = server.add_insecure_port("127.0.0.1:0");
    co_await server.start();

    auto channel = weft::grpc::insecure_channel("127.0.0.1:" + std::to_string(port));
    consumer::Greeter::Stub stub(channel);
    consumer::HelloRequest request;
    request.set_name("consumer");
    const consumer::HelloReply reply = co_await stub.Hello(request);
    std::cout << reply.text() << "\n";

    co_await channel.close();
    co_await server.stop();
}

}  // namespace

int main() { return weft::run(greet()); }
