// Cap'n Proto RPC's part of bench/mesh: capnp server | capnp client PORT CASE SECONDS.
#include "echo.capnp.h"
#include "mesh_case.hpp"

#include <limits>
#include <string>
#include <vector>

#include <capnp/ez-rpc.h>
#include <kj/async.h>

namespace {

capnp::ReaderOptions without_limit() {
    capnp::ReaderOptions options;
    options.traversalLimitInWords = std::numeric_limits<std::uint64_t>::max();
    return options;
}

class EchoServer final : public Echo::Server {
protected:
    kj::Promise<void> echo(EchoContext context) override {
        context.getResults().setData(context.getParams().getData());
        return kj::READY_NOW;
    }
};

kj::Promise<void> call(Echo::Client& echo, bench::Case& one, const std::vector<kj::byte>& data) {
    const auto began = bench::Clock::now();
    auto request = echo.echoRequest();
    request.setData(kj::arrayPtr(data.data(), data.size()));
    return request.send().then([&, began](auto&& response) -> kj::Promise<void> {
        if (response.getData().size() != data.size()) std::abort();
        if (one.over() || !one.count(began)) return kj::READY_NOW;
        return call(echo, one, data);
    });
}

}  // namespace

int main(int argc, char** argv) {
    if (argc == 2) {
        capnp::EzRpcServer server(kj::heap<EchoServer>(), "127.0.0.1", 0, without_limit());
        bench::tell_port(static_cast<int>(server.getPort().wait(server.getWaitScope())));
        kj::NEVER_DONE.wait(server.getWaitScope());
    }
    if (argc != 5) return 2;
    bench::Case one(argv[3], std::atof(argv[4]));
    capnp::EzRpcClient client("127.0.0.1", static_cast<kj::uint>(std::atoi(argv[2])), without_limit());
    auto echo = client.getMain<Echo>();
    const std::vector<kj::byte> data(one.bytes(), 'x');
    kj::Vector<kj::Promise<void>> calls;
    for (int i = 0; i < (one.flight() ? bench::Case::in_flight : 1); ++i) calls.add(call(echo, one, data));
    kj::joinPromises(calls.releaseAsArray()).wait(client.getWaitScope());
    bench::Case::wait_for_end_of_input();
    return 0;
}
