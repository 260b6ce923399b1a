// The blocks of docs/guide/grpc.md, in the order in which they stand there.
#include "demo.weft.hpp"

#include <weft/core.hpp>
#include <weft/grpc/channelz_service.hpp>
#include <weft/grpc/client_interceptor.hpp>
#include <weft/grpc/credentials.hpp>
#include <weft/grpc/health_service.hpp>
#include <weft/grpc/introspection.hpp>
#include <weft/grpc/reflection_service.hpp>
#include <weft/grpc/server.hpp>
#include <weft/grpc/server_interceptor.hpp>
#include <weft/testing/test_authority.hpp>

#include <iostream>
#include <optional>
#include <string>

using namespace std::chrono_literals;
namespace grpc = weft::grpc;
using demo::MyRequest;
using demo::MyResponse;
using demo::MyStreamRequest;
using weft::Task;

// Server

class MyService final : public demo::MyService::Service {
public:
    Task<MyResponse> UnaryMethod(grpc::ServerContext& context, MyRequest request) override {
        if (request.message().empty())
            context.abort(grpc::StatusCode::invalid_argument, "a message is wanted");
        MyResponse response;
        response.set_reply("hello " + request.message());
        co_return response;
    }
    Task<void> UnaryStreamMethod(grpc::ServerContext&, MyStreamRequest request,
                                 grpc::ServerWriter<MyResponse>& responses) override {
        MyResponse response;
        for (int i = 0; i < request.count(); ++i) {
            response.set_reply(std::to_string(i));
            co_await responses.write(response);  // waits while the client is slower than we are
        }
    }
};

Task<void> serve_until_interrupted() {
    MyService service;
    grpc::Server server(grpc::ServerOptions().maximum_concurrent_rpcs(1000));
    server.add_service(service);
    int port = server.add_insecure_port("127.0.0.1:0");  // 0: the kernel chooses
    server.add_insecure_port("unix-abstract:weft-guide");
    co_await server.start();
    std::cout << "serving on port " << (port > 0 ? "chosen by the kernel" : "?") << "\n";
    co_await server.wait_for_termination();
}

// Client

Task<void> unary(demo::MyService::Stub& stub) {
    MyRequest request;
    request.set_message("weft");
    MyResponse response = co_await stub.UnaryMethod(request, grpc::CallOptions().timeout(2s));
    std::cout << response.reply() << "\n";
}

Task<void> server_stream(demo::MyService::Stub& stub) {
    MyStreamRequest request;
    request.set_count(1000);
    auto call = stub.UnaryStreamMethod(request);
    int responses = 0;
    while (true) {
        auto response = co_await call.read();
        if (!response) break;  // OK; any other end is thrown as RpcError
        ++responses;
    }
    std::cout << responses << " responses from " << (call.peer().empty() ? "nobody" : "the server") << "\n";
}

Task<void> by_hand(grpc::Channel& channel) {
    auto raw = channel.unary_unary("/demo.MyService/UnaryMethod");  // std::string: bytes as they are
    MyRequest request;
    request.set_message("bytes");
    std::string bytes = co_await raw(request.SerializeAsString());
    std::cout << bytes.size() << " bytes\n";
}

Task<void> failing(demo::MyService::Stub& stub) {
    auto call = stub.UnaryMethod(MyRequest());
    const grpc::Status& status = co_await call.status();  // gives the end, does not throw it
    std::cout << status.to_string() << "\n";
    try {
        MyResponse response = co_await stub.UnaryMethod(MyRequest());
    } catch (const grpc::RpcError& error) {
        std::cout << error.what() << "\n";
    }
}

// Channel options

grpc::ChannelOptions channel_options() {
    return grpc::ChannelOptions()
        .max_receive_message_length(16 << 20)
        .keepalive(60s, 20s)
        .client_idle_timeout(5min)
        .load_balancing("round_robin")
        .compression(grpc::Compression::gzip);
}

// Deadlines

class Gateway final : public demo::MyService::Service {
public:
    explicit Gateway(grpc::Channel& backend) : backend_(backend) {}
    Task<MyResponse> UnaryMethod(grpc::ServerContext& context, MyRequest request) override {
        MyResponse response =
            co_await backend_.UnaryMethod(request, grpc::CallOptions().timeout(1s).parent(context));
        co_return response;
    }

private:
    demo::MyService::Stub backend_;
};

// Retries

grpc::ChannelOptions with_retries() {
    return grpc::ChannelOptions().service_config(R"({
        "methodConfig": [{
            "name": [{"service": "demo.MyService"}],
            "timeout": "10s",
            "retryPolicy": {
                "maxAttempts": 4, "initialBackoff": "0.01s", "maxBackoff": "1s", "backoffMultiplier": 2,
                "retryableStatusCodes": ["UNAVAILABLE"]
            }
        }],
        "retryThrottling": {"maxTokens": 10, "tokenRatio": 0.1}
    })");
}

// Hedging

grpc::ChannelOptions with_hedging() {
    return grpc::ChannelOptions().service_config(R"({
        "methodConfig": [{
            "name": [{"service": "demo.MyService", "method": "UnaryMethod"}],
            "hedgingPolicy": {
                "maxAttempts": 3, "hedgingDelay": "0.02s",
                "nonFatalStatusCodes": ["UNAVAILABLE"]
            }
        }]
    })");
}

// Hangs on its first call.
class Slow final : public demo::MyService::Service {
public:
    Task<MyResponse> UnaryMethod(grpc::ServerContext&, MyRequest) override {
        if (++calls == 1) co_await weft::sleep(1h);
        co_return MyResponse();
    }
    int calls = 0;
};

Task<void> hedged() {
    Slow slow;
    grpc::Server server;
    server.add_service(slow);
    const int port = server.add_insecure_port("127.0.0.1:0");
    co_await server.start();
    auto channel = grpc::insecure_channel("127.0.0.1:" + std::to_string(port), with_hedging());
    demo::MyService::Stub stub(channel);
    const MyResponse unused = co_await stub.UnaryMethod(MyRequest());
    std::cout << "the answer of a copy\n";
    co_await channel.close();
    co_await server.stop();
}

class Moody final : public demo::MyService::Service {
public:
    Task<MyResponse> UnaryMethod(grpc::ServerContext& context, MyRequest) override {
        if (++calls < 3) context.abort(grpc::StatusCode::unavailable, "not in the mood");
        co_return MyResponse();
    }
    int calls = 0;
};

// Interceptors

class Log final : public grpc::ClientInterceptor {
public:
    Task<weft::Pimpl<grpc::RawCall>> intercept(grpc::CallDetails details, std::optional<std::string> request,
                                               grpc::ClientContinuation& next) override {
        const std::string method = details.method;
        details.metadata.add("x-request-id", "42");
        auto call = co_await next(std::move(details), std::move(request));
        const grpc::CallEnd end = co_await call->end();
        std::cout << method << ": " << to_string(end.status.code()) << "\n";
        co_return call;
    }
};

class RequireId final : public grpc::ServerInterceptor {
public:
    Task<void> intercept(grpc::ServerContext& context, grpc::ServerContinuation& next) override {
        if (!context.invocation_metadata().contains("x-request-id"))
            context.abort(grpc::StatusCode::unauthenticated, "x-request-id is missing");
        co_await next();
    }
};

// TLS

Task<void> over_tls(const weft::testing::TestAuthority& authority) {
    auto server_files = authority.issue({"localhost"});  // made here; a program reads files: from_files()
    auto client_files = authority.issue({"client-1"});

    auto server_tls =
        weft::TlsContext::server(weft::TlsIdentity::from_pem(server_files.chain, server_files.key))
            .ca_pem(authority.pem())
            .client_certificates(weft::TlsClientCertificate::required);
    MyService service;
    grpc::Server server;
    server.add_service(service);
    int port = server.add_secure_port("127.0.0.1:0", server_tls);
    co_await server.start();

    auto client_tls = weft::TlsContext::client()
                          .ca_pem(authority.pem())
                          .identity(weft::TlsIdentity::from_pem(client_files.chain, client_files.key));
    grpc::AccessTokenCredentials token("secret");
    auto options = grpc::ChannelOptions().ssl_target_name_override("localhost").call_credentials(token);
    auto channel = grpc::secure_channel("127.0.0.1:" + std::to_string(port), client_tls, std::move(options));
    demo::MyService::Stub stub(channel);
    co_await unary(stub);
    co_await channel.close();
    co_await server.stop();
}

// Standard services

Task<void> watched(grpc::Channel& channel, grpc::ChannelzService& channelz) {
    channelz.add(channel);
    demo::MyService::Stub stub(channel);
    MyRequest request;
    request.set_message("channelz");
    MyResponse response = co_await stub.UnaryMethod(request);
    grpc::ChannelInfo info = grpc::inspect(channel);  // what channelz shows to others
    std::cout << info.calls.succeeded << " of " << info.calls.started << " calls succeeded\n";
}

Task<void> with_standard_services() {
    MyService service;
    grpc::Server server;
    grpc::HealthService health;
    grpc::ReflectionService reflection(server);
    grpc::ChannelzService channelz;
    server.add_service(service);
    server.add_service(health);
    server.add_service(reflection);
    server.add_service(channelz);
    channelz.add(server);
    int port = server.add_insecure_port("127.0.0.1:0");
    co_await server.start();
    health.set("demo.MyService", grpc::ServingStatus::serving);

    auto options = grpc::ChannelOptions().service_config(
        R"({"healthCheckConfig": {"serviceName": "demo.MyService"},
            "loadBalancingConfig": [{"round_robin": {}}]})");
    auto channel = grpc::insecure_channel("127.0.0.1:" + std::to_string(port), std::move(options));
    co_await channel.channel_ready();  // READY only while the service is SERVING
    for (const std::string& name : server.services()) std::cout << name << "\n";
    co_await watched(channel, channelz);

    health.shut_down();  // clients go elsewhere; then
    co_await channel.close();
    co_await server.stop(10s);
}

// Around the blocks

// Browsers

Task<void> serve_browsers() {
    MyService service;
    grpc::Server server(grpc::ServerOptions().grpc_web("https://app.example"));
    server.add_service(service);
    int port = server.add_insecure_port("127.0.0.1:0");  // gRPC and gRPC-Web, HTTP/2 and HTTP/1.1
    co_await server.start();
    auto channel = grpc::insecure_channel("127.0.0.1:" + std::to_string(port));
    demo::MyService::Stub stub(channel);
    co_await unary(stub);
    co_await channel.close();
    co_await server.stop();
}

Task<void> main_task() {
    try {
        co_await weft::timeout(50ms, serve_until_interrupted());
    } catch (const weft::TimeoutError&) {
    }

    MyService service;
    RequireId require;
    grpc::Server plain;
    grpc::Server guarded(grpc::ServerOptions().interceptor(require));
    plain.add_service(service);
    guarded.add_service(service);
    const std::string plain_target = "127.0.0.1:" + std::to_string(plain.add_insecure_port("127.0.0.1:0"));
    const std::string guarded_target =
        "127.0.0.1:" + std::to_string(guarded.add_insecure_port("127.0.0.1:0"));
    co_await plain.start();
    co_await guarded.start();

    auto channel = grpc::insecure_channel(plain_target, channel_options());
    demo::MyService::Stub stub(channel);
    co_await unary(stub);
    co_await server_stream(stub);
    co_await by_hand(channel);
    co_await failing(stub);

    Gateway gateway(channel);
    grpc::Server front;
    front.add_service(gateway);
    const std::string front_target = "127.0.0.1:" + std::to_string(front.add_insecure_port("127.0.0.1:0"));
    co_await front.start();
    auto front_channel = grpc::insecure_channel(front_target);
    demo::MyService::Stub front_stub(front_channel);
    co_await unary(front_stub);

    Moody moody;
    grpc::Server moody_server;
    moody_server.add_service(moody);
    const std::string moody_target =
        "127.0.0.1:" + std::to_string(moody_server.add_insecure_port("127.0.0.1:0"));
    co_await moody_server.start();
    auto patient = grpc::insecure_channel(moody_target, with_retries());
    demo::MyService::Stub patient_stub(patient);
    const MyResponse unused = co_await patient_stub.UnaryMethod(MyRequest());
    std::cout << moody.calls << " attempts\n";

    co_await hedged();

    Log log;
    auto logged = grpc::insecure_channel(guarded_target, grpc::ChannelOptions().interceptor(log));
    demo::MyService::Stub logged_stub(logged);
    co_await unary(logged_stub);

    const weft::testing::TestAuthority authority;
    co_await over_tls(authority);
    co_await with_standard_services();
    co_await serve_browsers();

    co_await logged.close();
    co_await patient.close();
    co_await front_channel.close();
    co_await channel.close();
    co_await moody_server.stop();
    co_await front.stop();
    co_await guarded.stop();
    co_await plain.stop();
}

int main() { return weft::run(main_task()); }
