// Unary gRPC calls over 127.0.0.1 by weft, client and server in two processes; grpc_unary_grpcxx is the peer.
//
// usage: grpc_unary [seconds]
// Cases: one call at a time, and 100 in flight; 16 bytes each way. CPU is user + system time of each process.
#include "echo_bench.weft.hpp"
#include "grpc_unary_harness.hpp"

#include <weft/core.hpp>
#include <weft/grpc/server.hpp>

namespace {

using bench::Clock;
using bench::EchoReply;
using bench::EchoRequest;

class WeftEcho final : public bench::Echo::Service {
public:
    weft::Task<EchoReply> Say(weft::grpc::ServerContext&, EchoRequest request) override {
        EchoReply reply;
        *reply.mutable_text() = std::move(*request.mutable_text());
        co_return reply;
    }
    weft::Task<void> Chat(weft::grpc::ServerContext&,
                          weft::grpc::ServerReaderWriter<EchoRequest, EchoReply>& stream) override {
        EchoReply reply;
        for (;;) {
            auto request = co_await stream.read();
            if (!request) break;
            *reply.mutable_text() = std::move(*request->mutable_text());
            co_await stream.write(reply);
        }
    }
};

weft::Task<void> weft_server(int fd) {
    WeftEcho echo;
    weft::grpc::Server server;
    server.add_service(echo);
    const int port = server.add_insecure_port("127.0.0.1:0");
    co_await server.start();
    bench::tell(fd, port);
    co_await server.wait_for_termination();
}

weft::Task<void> weft_worker(bench::Echo::Stub& stub, Clock::time_point end, std::vector<float>& latencies) {
    EchoRequest request;
    request.set_text(std::string(14, 'x'));
    while (Clock::now() < end) {
        const auto began = Clock::now();
        EchoReply reply = co_await stub.Say(request);
        latencies.push_back(std::chrono::duration<float, std::micro>(Clock::now() - began).count());
    }
}

weft::Task<void> weft_client(std::string target, int parallel, double seconds, bench::Result& result) {
    auto channel = weft::grpc::insecure_channel(target);
    bench::Echo::Stub stub(channel);
    co_await channel.channel_ready();
    std::vector<float> latencies;
    const auto began = Clock::now();
    const auto end =
        began + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
    std::vector<weft::Task<void>> workers;
    for (int i = 0; i < parallel; ++i) workers.push_back(weft_worker(stub, end, latencies));
    co_await weft::gather(std::move(workers));
    result = bench::summary(began, latencies);
    co_await channel.close();
}

}  // namespace

int main(int argc, char** argv) {
    const double seconds = argc > 1 ? std::atof(argv[1]) : 3;
    for (const int parallel : {1, 100})
        bench::measure(
            "weft", parallel, seconds, [](int fd) { weft::run(weft_server(fd)); },
            [](const std::string& target, int calls, double limit) {
                bench::Result result;
                weft::run(weft_client(target, calls, limit, result));
                return result;
            });
}
