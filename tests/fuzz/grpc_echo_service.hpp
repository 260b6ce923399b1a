// What the fuzzed gRPC servers offer: /f/U and /f/S give back what they get.
#pragma once

#include <weft/core/task.hpp>
#include <weft/grpc/server.hpp>
#include <weft/grpc/service.hpp>

#include <string>

namespace weft {

class EchoService final : public grpc::Service {
public:
    EchoService() {
        add_unary_unary("/f/U", &EchoService::unary);
        add_stream_stream("/f/S", &EchoService::stream);
    }
    Task<std::string> unary(grpc::ServerContext&, std::string text) { co_return text; }
    Task<void> stream(grpc::ServerContext&, grpc::ServerReaderWriter<std::string, std::string>& messages) {
        for (;;) {
            auto message = co_await messages.read();
            if (!message) break;
            co_await messages.write(*message);
        }
    }
};

}  // namespace weft
