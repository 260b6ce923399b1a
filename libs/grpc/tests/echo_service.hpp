// The service of the tests, and a server of it on 127.0.0.1.
#pragma once

#include "echo.weft.hpp"

#include <weft/core.hpp>
#include <weft/grpc/server.hpp>

#include <memory>
#include <string>
#include <utility>

namespace weft::test {

class EchoService final : public Echo::Service {
public:
    Task<EchoReply> Say(grpc::ServerContext& context, EchoRequest request) override {
        ++calls;
        if (const auto value = context.invocation_metadata().get("x-initial"))
            context.send_initial_metadata(grpc::Metadata{{"x-initial-back", *value}});
        if (const auto value = context.invocation_metadata().get("x-trailing-bin"))
            context.set_trailing_metadata(grpc::Metadata{{"x-trailing-back-bin", *value}});
        if (request.sleep_ms() > 0) co_await interrupted_sleep(request.sleep_ms());
        if (request.text() == "throw") throw std::runtime_error("a secret of the server");
        if (request.fail_code() != 0)
            context.abort(static_cast<grpc::StatusCode>(request.fail_code()), request.text(),
                          "detail\x01\x02");
        EchoReply reply;
        reply.set_text(request.count() > 0 ? std::string(request.count(), 'x') : request.text());
        co_return reply;
    }

    Task<void> List(grpc::ServerContext&, EchoRequest request,
                    grpc::ServerWriter<EchoReply>& responses) override {
        EchoReply reply;
        reply.set_text(request.text());
        for (int i = 0; i < request.count(); ++i) {
            reply.set_number(i);
            co_await responses.write(reply);
            ++written;
            if (request.sleep_ms() > 0) co_await interrupted_sleep(request.sleep_ms());
        }
        if (request.fail_code() != 0)
            throw grpc::RpcError(static_cast<grpc::StatusCode>(request.fail_code()), request.text());
    }

    Task<EchoReply> Sum(grpc::ServerContext&, grpc::ServerReader<EchoRequest>& requests) override {
        EchoReply reply;
        for (;;) {
            auto request = co_await requests.read();
            if (!request) break;
            if (request->fail_code() != 0)
                throw grpc::RpcError(static_cast<grpc::StatusCode>(request->fail_code()), "early end");
            reply.set_number(reply.number() + request->count());
            reply.set_text(reply.text() + request->text());
        }
        co_return reply;
    }

    Task<void> Chat(grpc::ServerContext& context,
                    grpc::ServerReaderWriter<EchoRequest, EchoReply>& stream) override {
        for (;;) {
            auto request = co_await stream.read();
            if (!request) break;
            last_compressed = context.last_request_compressed();
            if (request->fail_code() != 0)
                throw grpc::RpcError(static_cast<grpc::StatusCode>(request->fail_code()), request->text());
            EchoReply reply;
            reply.set_text(request->text());
            reply.set_number(request->count());
            co_await stream.write(reply);
        }
    }

    int calls = 0;
    int written = 0;
    int cancelled = 0;
    bool last_compressed = false;
    Event cancellation_seen;

private:
    Task<void> interrupted_sleep(int ms) {
        try {
            co_await sleep(std::chrono::milliseconds(ms));
        } catch (const Cancelled&) {
            ++cancelled;
            cancellation_seen.set();
            throw;
        }
    }
};

// A server with the service, and a channel to it.
struct EchoPair {
    explicit EchoPair(grpc::ServerOptions server_options = grpc::ServerOptions(),
                      grpc::ChannelOptions channel_options = grpc::ChannelOptions(),
                      std::string address = "127.0.0.1:0")
        : server(std::move(server_options)) {
        server.add_service(service);
        port = server.add_insecure_port(address);
        target = port != 0 ? "127.0.0.1:" + std::to_string(port) : address;
        channel = std::make_unique<grpc::Channel>(grpc::insecure_channel(target, std::move(channel_options)));
        stub = std::make_unique<Echo::Stub>(*channel);
    }
    Task<void> start() { return server.start(); }
    Task<void> close() {
        co_await channel->close();
        co_await server.stop();
    }

    EchoService service;
    grpc::Server server;
    int port = 0;
    std::string target;
    std::unique_ptr<grpc::Channel> channel;
    std::unique_ptr<Echo::Stub> stub;
};

inline EchoRequest request_of(std::string text, int count = 0, int fail_code = 0, int sleep_ms = 0) {
    EchoRequest request;
    request.set_text(std::move(text));
    request.set_count(count);
    request.set_fail_code(fail_code);
    request.set_sleep_ms(sleep_ms);
    return request;
}

}  // namespace weft::test
