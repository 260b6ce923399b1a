// weft's interop server: grpc.testing.TestService with the official flags.
//     interop_server --port=10000 [--use_tls=true --tls_cert_file=… --tls_key_file=…]
// Prints "port N" when it serves; port 0 lets the kernel choose. Serves until it is interrupted.
#include "grpc/testing/test.weft.hpp"
#include "interop_flags.hpp"

#include <weft/core.hpp>
#include <weft/grpc/server.hpp>

#include <cstdio>
#include <string>
#include <utility>

#include <unistd.h>

namespace interop {
namespace {

using grpc::testing::EchoStatus;
using grpc::testing::Empty;
using grpc::testing::SimpleRequest;
using grpc::testing::SimpleResponse;
using grpc::testing::StreamingInputCallRequest;
using grpc::testing::StreamingInputCallResponse;
using grpc::testing::StreamingOutputCallRequest;
using grpc::testing::StreamingOutputCallResponse;
using weft::Task;
using weft::grpc::Compression;
using weft::grpc::Metadata;
using weft::grpc::RpcError;
using weft::grpc::ServerContext;
using weft::grpc::StatusCode;

void echo_metadata(ServerContext& context) {
    if (const auto value = context.invocation_metadata().get(trailing_key))
        context.set_trailing_metadata(Metadata{{trailing_key, *value}});
    if (const auto value = context.invocation_metadata().get(initial_key))
        context.send_initial_metadata(Metadata{{initial_key, *value}});
}

void echo_status(const EchoStatus& status) {
    if (status.code() != 0) throw RpcError(static_cast<StatusCode>(status.code()), status.message());
}

void check_compressed(ServerContext& context, bool expected) {
    if (context.last_request_compressed() == expected) return;
    throw RpcError(StatusCode::invalid_argument, expected ? "the request was to be compressed, and is not"
                                                          : "the request is compressed, and was not to be");
}

class TestService final : public grpc::testing::TestService::Service {
public:
    Task<Empty> EmptyCall(ServerContext&, Empty) override { co_return Empty(); }

    Task<SimpleResponse> UnaryCall(ServerContext& context, SimpleRequest request) override {
        if (request.has_expect_compressed()) check_compressed(context, request.expect_compressed().value());
        if (request.has_response_compressed())
            context.set_compression(request.response_compressed().value() ? Compression::gzip
                                                                          : Compression::identity);
        echo_metadata(context);
        echo_status(request.response_status());
        SimpleResponse response;
        response.mutable_payload()->set_body(std::string(size_of(request.response_size()), '\0'));
        if (request.fill_server_id()) response.set_server_id(server_id_);
        co_return response;
    }

    Task<void> StreamingOutputCall(
        ServerContext& context, StreamingOutputCallRequest request,
        weft::grpc::ServerWriter<StreamingOutputCallResponse>& responses) override {
        set_compression(context, request);
        for (const auto& wanted : request.response_parameters()) {
            auto response = co_await next(context, wanted);
            co_await responses.write(response);
        }
        echo_status(request.response_status());
    }

    Task<StreamingInputCallResponse> StreamingInputCall(
        ServerContext& context, weft::grpc::ServerReader<StreamingInputCallRequest>& requests) override {
        StreamingInputCallResponse response;
        for (;;) {
            auto request = co_await requests.read();
            if (!request) break;
            if (request->has_expect_compressed())
                check_compressed(context, request->expect_compressed().value());
            response.set_aggregated_payload_size(response.aggregated_payload_size() +
                                                 static_cast<int>(request->payload().body().size()));
        }
        co_return response;
    }

    Task<void> FullDuplexCall(ServerContext& context,
                              weft::grpc::ServerReaderWriter<StreamingOutputCallRequest,
                                                             StreamingOutputCallResponse>& stream) override {
        echo_metadata(context);
        for (;;) {
            auto request = co_await stream.read();
            if (!request) break;
            echo_status(request->response_status());
            for (const auto& wanted : request->response_parameters()) {
                auto response = co_await next(context, wanted);
                co_await stream.write(response);
            }
        }
    }

    Task<void> HalfDuplexCall(ServerContext& context,
                              weft::grpc::ServerReaderWriter<StreamingOutputCallRequest,
                                                             StreamingOutputCallResponse>& stream) override {
        std::vector<StreamingOutputCallRequest> requests;
        for (;;) {
            auto request = co_await stream.read();
            if (!request) break;
            requests.push_back(std::move(*request));
        }
        for (const auto& request : requests) {
            for (const auto& wanted : request.response_parameters()) {
                auto response = co_await next(context, wanted);
                co_await stream.write(response);
            }
        }
    }

private:
    static std::size_t size_of(int wanted) {
        if (wanted < 0) throw RpcError(StatusCode::invalid_argument, "a response has no negative size");
        return static_cast<std::size_t>(wanted);
    }
    // One call has one algorithm: gzip as soon as one response is to be compressed.
    static void set_compression(ServerContext& context, const StreamingOutputCallRequest& request) {
        for (const auto& wanted : request.response_parameters())
            if (wanted.compressed().value()) return context.set_compression(Compression::gzip);
    }
    static Task<StreamingOutputCallResponse> next(ServerContext& context,
                                                  grpc::testing::ResponseParameters wanted) {
        if (wanted.interval_us() > 0) co_await weft::sleep(std::chrono::microseconds(wanted.interval_us()));
        if (!wanted.compressed().value()) context.disable_next_message_compression();
        StreamingOutputCallResponse response;
        response.mutable_payload()->set_body(std::string(size_of(wanted.size()), '\0'));
        co_return response;
    }

    std::string server_id_ = "weft-" + std::to_string(::getpid());
};

Task<void> serve(Flags flags) {
    TestService service;
    weft::grpc::Server server;
    server.add_service(service);
    const std::string address = flags.text("bind", "127.0.0.1") + ":" + flags.text("port", "10000");
    int port = 0;
    if (flags.on("use_tls")) {
        auto identity =
            weft::TlsIdentity::from_files(flags.text("tls_cert_file"), flags.text("tls_key_file"));
        auto tls = weft::TlsContext::server(std::move(identity)).alpn("h2");
        port = server.add_secure_port(address, tls);
    } else {
        port = server.add_insecure_port(address);
    }
    co_await server.start();
    std::printf("port %d\n", port);
    std::fflush(stdout);
    co_await server.wait_for_termination();
}

}  // namespace
}  // namespace interop

int main(int argc, char** argv) {
    try {
        return weft::run(interop::serve(interop::Flags(argc, argv)));
    } catch (const std::exception& error) {
        std::fprintf(stderr, "%s\n", error.what());
        return 2;
    }
}
