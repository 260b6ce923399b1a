// The usage examples of grpc.aio's page in C++: see docs/from-python/grpc.aio.md. One server, and every
// client of it.
#include "demo.weft.hpp"

#include <weft/core.hpp>
#include <weft/grpc/server.hpp>
#include <weft/testing/test_authority.hpp>

#include <iostream>
#include <string>
#include <vector>

using namespace std::chrono_literals;
namespace grpc = weft::grpc;
using demo::MyRequest;
using demo::MyResponse;
using demo::MyStreamRequest;
using weft::Task;

MyRequest message(std::string text) {
    MyRequest request;
    request.set_message(std::move(text));
    return request;
}

MyResponse reply(std::string text) {
    MyResponse response;
    response.set_reply(std::move(text));
    return response;
}

MyStreamRequest count_of(int count) {
    MyStreamRequest request;
    request.set_count(count);
    return request;
}

// The server

class MyServicer final : public demo::MyService::Service {
public:
    Task<MyResponse> UnaryMethod(grpc::ServerContext& context, MyRequest request) override {
        co_await weft::sleep(1ms);  // some asynchronous work
        if (request.message() == "fail") context.abort(grpc::StatusCode::not_found, "no such message");
        co_return reply("Async echo: " + request.message());
    }
    Task<void> UnaryStreamMethod(grpc::ServerContext&, MyStreamRequest request,
                                 grpc::ServerWriter<MyResponse>& responses) override {
        for (int i = 0; i < request.count(); ++i) {
            co_await weft::sleep(1ms);
            auto response = reply("Item " + std::to_string(i));
            co_await responses.write(response);
        }
    }
    Task<MyResponse> StreamUnaryMethod(grpc::ServerContext&,
                                       grpc::ServerReader<MyRequest>& requests) override {
        int items = 0;
        while (true) {
            auto request = co_await requests.read();
            if (!request) break;
            ++items;
        }
        co_return reply("Processed " + std::to_string(items) + " items");
    }
    Task<void> StreamStreamMethod(grpc::ServerContext&,
                                  grpc::ServerReaderWriter<MyRequest, MyResponse>& stream) override {
        while (true) {
            auto request = co_await stream.read();
            if (!request) break;
            auto response = reply("processed " + request->message());
            co_await stream.write(response);
        }
    }
};

Task<void> serve(std::string listen_address) {
    MyServicer servicer;
    grpc::Server server;
    server.add_service(servicer);
    server.add_insecure_port(listen_address);
    co_await server.start();
    std::exception_ptr interrupted;
    try {
        co_await server.wait_for_termination();
    } catch (const weft::Cancelled&) {  // Ctrl-C, under weft::run()
        interrupted = std::current_exception();
    }
    co_await server.stop(5s);
    if (interrupted) std::rethrow_exception(interrupted);
}

// Channels

Task<void> async_client_example(std::string target) {
    auto channel = grpc::insecure_channel(target);
    demo::MyService::Stub stub(channel);
    MyResponse response = co_await stub.UnaryMethod(message("Hello async"));
    std::cout << "Response: " << response.reply() << "\n";
    co_await channel.close();  // dropping it closes it, too, without waiting
}

Task<std::string> secure_async_client(std::string target, std::string root_certificates) {
    auto tls = weft::TlsContext::client().ca_pem(root_certificates);
    auto channel = grpc::secure_channel(target, tls);
    demo::MyService::Stub stub(channel);
    MyResponse response = co_await stub.UnaryMethod(message("secret"));
    co_await channel.close();
    co_return response.reply();
}

// The four kinds of call

Task<void> async_rpc_examples(std::string target) {
    auto channel = grpc::insecure_channel(target);
    demo::MyService::Stub stub(channel);

    MyResponse response = co_await stub.UnaryMethod(message("Hello"), grpc::CallOptions().timeout(5s));
    std::cout << "Unary response: " << response.reply() << "\n";

    auto items = stub.UnaryStreamMethod(count_of(5));
    while (true) {
        auto item = co_await items.read();
        if (!item) break;
        std::cout << "Stream response: " << item->reply() << "\n";
    }

    auto upload = stub.StreamUnaryMethod();
    for (int i = 0; i < 3; ++i) {
        auto request = message("Item " + std::to_string(i));
        co_await upload.write(request);
    }
    upload.done_writing();
    MyResponse total = co_await upload;
    std::cout << "Stream-unary response: " << total.reply() << "\n";
    co_await channel.close();
}

Task<void> concurrent_requests(std::string target) {
    auto channel = grpc::insecure_channel(target);
    demo::MyService::Stub stub(channel);
    std::vector<grpc::UnaryUnaryCall<MyResponse>> calls;  // each runs from here on
    for (int i = 0; i < 10; ++i)
        calls.push_back(stub.UnaryMethod(message("Concurrent request " + std::to_string(i))));
    for (auto& call : calls) {
        MyResponse response = co_await call;
        std::cout << "Response: " << response.reply() << "\n";
    }
    co_await channel.close();
}

Task<void> print_all(demo::MyService::Stub& stub) {
    auto call = stub.UnaryStreamMethod(count_of(1'000'000));
    while (true) {
        auto response = co_await call.read();
        if (!response) break;
    }
}

Task<void> streaming_with_timeout(std::string target) {
    auto channel = grpc::insecure_channel(target);
    demo::MyService::Stub stub(channel);
    try {
        co_await weft::timeout(50ms, print_all(stub));
    } catch (const weft::TimeoutError&) {
        std::cout << "Stream timed out\n";
    }
    co_await channel.close();
}

// Control of a call

Task<void> call_control_examples(std::string target) {
    auto channel = grpc::insecure_channel(target);
    demo::MyService::Stub stub(channel);
    auto call = stub.UnaryMethod(message("Hello"));
    const grpc::Metadata& initial = co_await call.initial_metadata();
    MyResponse response = co_await call;
    const grpc::Metadata& trailing = co_await call.trailing_metadata();
    const grpc::Status& status = co_await call.status();
    std::cout << response.reply() << ": " << to_string(status.code()) << " '" << status.details() << "', "
              << initial.size() + trailing.size() << " entries of metadata\n";
    co_await channel.close();
}

Task<void> streaming_with_cancellation(std::string target) {
    auto channel = grpc::insecure_channel(target);
    demo::MyService::Stub stub(channel);
    auto call = stub.UnaryStreamMethod(count_of(100));
    for (int count = 0; count < 5; ++count) {
        auto response = co_await call.read();
        if (!response) break;
    }
    std::cout << "Cancellation successful: " << call.cancel() << "\n";
    if (call.cancelled()) std::cout << "Call was cancelled\n";
    co_await channel.close();
}

Task<void> send_requests(grpc::StreamStreamCall<MyRequest, MyResponse>& call) {
    for (int i = 0; i < 10; ++i) {
        auto request = message("Message " + std::to_string(i));
        co_await call.write(request);
        co_await weft::sleep(1ms);
    }
    call.done_writing();
}

Task<void> bidirectional_streaming(std::string target) {
    auto channel = grpc::insecure_channel(target);
    demo::MyService::Stub stub(channel);
    auto call = stub.StreamStreamMethod();
    auto sender = weft::spawn(send_requests(call), "sender");
    int received = 0;
    try {
        while (true) {
            auto response = co_await call.read();
            if (!response) break;
            ++received;
        }
    } catch (const grpc::RpcError& error) {
        std::cout << "Stream error: " << error.what() << "\n";
    }
    co_await weft::cancel_and_join(sender);
    std::cout << "Received " << received << "\n";
    co_await channel.close();
}

// Errors

Task<void> error_handling_examples(std::string target) {
    auto channel = grpc::insecure_channel(target);
    demo::MyService::Stub stub(channel);
    try {
        MyResponse response = co_await stub.UnaryMethod(message("fail"), grpc::CallOptions().timeout(5s));
    } catch (const grpc::RpcError& error) {
        std::cout << "RPC failed: " << to_string(error.code()) << " - " << error.details() << "\n";
        if (error.code() == grpc::StatusCode::deadline_exceeded) std::cout << "Request timed out\n";
        if (error.code() == grpc::StatusCode::unavailable) std::cout << "Service unavailable\n";
    }
    co_await channel.close();
}

// States of a channel

Task<void> channel_states(std::string target) {
    auto channel = grpc::insecure_channel(target);
    auto state = channel.get_state(true);  // true: connect
    while (state != grpc::ChannelConnectivity::ready) {
        co_await channel.wait_for_state_change(state);
        state = channel.get_state();
    }
    co_await weft::timeout(5s, channel.channel_ready());  // the same in one line
    std::cout << "Channel is " << to_string(channel.get_state()) << "\n";
    co_await channel.close();
}

Task<void> main_task() {
    const weft::testing::TestAuthority authority;
    auto certificate = authority.issue({"localhost", "127.0.0.1"});
    auto identity = weft::TlsIdentity::from_pem(certificate.chain, certificate.key);
    auto tls = weft::TlsContext::server(identity);

    MyServicer servicer;
    grpc::Server server;
    server.add_service(servicer);
    const std::string target = "127.0.0.1:" + std::to_string(server.add_insecure_port("127.0.0.1:0"));
    const std::string secure = "localhost:" + std::to_string(server.add_secure_port("127.0.0.1:0", tls));
    co_await server.start();

    co_await async_client_example(target);
    const std::string secret = co_await secure_async_client(secure, authority.pem());
    std::cout << "Over TLS: " << secret << "\n";
    co_await async_rpc_examples(target);
    co_await concurrent_requests(target);
    co_await streaming_with_timeout(target);
    co_await call_control_examples(target);
    co_await streaming_with_cancellation(target);
    co_await bidirectional_streaming(target);
    co_await error_handling_examples(target);
    co_await channel_states(target);
    co_await server.stop();

    // The server of its own task, as a program has it; interrupted here by a time limit.
    try {
        co_await weft::timeout(20ms, serve("127.0.0.1:0"));
    } catch (const weft::TimeoutError&) {
        std::cout << "The server has stopped\n";
    }
}

int main() { return weft::run(main_task()); }
