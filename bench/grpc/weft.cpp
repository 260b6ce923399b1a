// weft's part of bench/grpc: see bench_case.hpp for how it is started.
#include "bench.weft.hpp"
#include "bench_case.hpp"

#include <weft/core.hpp>
#include <weft/grpc/server.hpp>

#include <string>
#include <utility>
#include <vector>

namespace {

using google::protobuf::BytesValue;
using weft::Task;

class BenchService final : public bench::Bench::Service {
public:
    Task<BytesValue> Unary(weft::grpc::ServerContext&, BytesValue request) override {
        co_return std::move(request);
    }
    Task<void> Down(weft::grpc::ServerContext&, BytesValue request,
                    weft::grpc::ServerWriter<BytesValue>& responses) override {
        for (;;) co_await responses.write(request);
    }
    Task<void> Chat(weft::grpc::ServerContext&,
                    weft::grpc::ServerReaderWriter<BytesValue, BytesValue>& stream) override {
        for (;;) {
            auto request = co_await stream.read();
            if (!request) break;
            co_await stream.write(*request);
        }
    }
};

Task<void> serve() {
    BenchService service;
    weft::grpc::Server server(weft::grpc::ServerOptions().max_concurrent_streams(20000));
    server.add_service(service);
    const int port = server.add_insecure_port("127.0.0.1:0");
    co_await server.start();
    std::printf("port %d\n", port);
    std::fflush(stdout);
    co_await server.wait_for_termination();
}

Task<void> unary_worker(bench::Bench::Stub& stub, bench::Case& one) {
    BytesValue request;
    request.set_value(one.value());
    for (;;) {
        const auto began = bench::Clock::now();
        const BytesValue reply = co_await stub.Unary(request);
        if (reply.value().size() != request.value().size()) std::abort();
        if (one.over() || !one.count(began)) co_return;
    }
}

Task<void> stream(bench::Bench::Stub& stub, bench::Case& one) {
    BytesValue request;
    request.set_value(one.value());
    auto call = stub.Down(request);
    std::size_t messages = 0;
    for (;;) {
        auto message = co_await call.read();
        if (!message) std::abort();
        if (++messages % 64 == 0 && !one.count_messages(64)) co_return;
    }
}

Task<void> ping_pong(bench::Bench::Stub& stub, bench::Case& one) {
    BytesValue request;
    request.set_value(one.value());
    auto call = stub.Chat();
    for (;;) {
        const auto began = bench::Clock::now();
        co_await call.write(request);
        auto reply = co_await call.read();
        if (!reply) std::abort();
        if (!one.count(began)) co_return;
    }
}

Task<void> idle(bench::Bench::Stub& stub, bench::Case& one) {
    BytesValue request;
    request.set_value(one.value());
    one.begin_idle();
    std::vector<weft::grpc::StreamStreamCall<BytesValue, BytesValue>> calls;
    calls.reserve(bench::Case::idle_streams);
    for (int i = 0; i < bench::Case::idle_streams; ++i) {
        calls.push_back(stub.Chat());
        co_await calls.back().write(request);
        auto reply = co_await calls.back().read();
        if (!reply) std::abort();
    }
    one.end_idle();
    bench::Case::wait_for_end_of_input();
}

Task<void> run_case(std::string target, bench::Case& one) {
    auto channel = weft::grpc::insecure_channel(target);
    bench::Bench::Stub stub(channel);
    co_await channel.channel_ready();
    if (one.unary()) {
        std::vector<Task<void>> workers;
        for (int i = 0; i < one.in_flight(); ++i) workers.push_back(unary_worker(stub, one));
        co_await weft::gather(std::move(workers));
    } else if (one.stream()) {
        co_await stream(stub, one);
    } else if (one.idle()) {
        co_await idle(stub, one);
    } else {
        co_await ping_pong(stub, one);
    }
    co_await channel.close();
}

}  // namespace

int main(int argc, char** argv) {
    if (argc == 2 && std::string(argv[1]) == "server") return weft::run(serve());
    if (argc != 5) return 2;
    bench::Case one(argv[3], std::atof(argv[4]));
    const int status = weft::run(run_case("127.0.0.1:" + std::string(argv[2]), one));
    bench::Case::wait_for_end_of_input();
    return status;
}
