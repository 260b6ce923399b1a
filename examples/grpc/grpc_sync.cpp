// The blocks of docs/guide/grpc.md about the blocking API: no coroutine but the server's handler.
#include "demo.weft.hpp"

#include <weft/grpc/sync.hpp>
#include <weft/grpc/sync_server.hpp>

#include <future>
#include <iostream>
#include <string>
#include <thread>
#include <vector>

using namespace std::chrono_literals;
namespace grpc = weft::grpc;
using demo::MyRequest;
using demo::MyResponse;
using demo::MyStreamRequest;

class MyService final : public demo::MyService::Service {
public:
    weft::Task<MyResponse> UnaryMethod(grpc::ServerContext& context, MyRequest request) override {
        if (request.message().empty())
            context.abort(grpc::StatusCode::invalid_argument, "a message is wanted");
        MyResponse response;
        response.set_reply("hello " + request.message());
        co_return response;
    }
    weft::Task<void> UnaryStreamMethod(grpc::ServerContext&, MyStreamRequest request,
                                       grpc::ServerWriter<MyResponse>& responses) override {
        MyResponse response;
        for (int i = 0; i < request.count(); ++i) {
            response.set_reply(std::to_string(i));
            co_await responses.write(response);
        }
    }
};

void serve(grpc::sync::Server& server, MyService& service) {
    server.add_service(service);
    server.start();
    server.wait_for_termination();  // until request_stop(), from a handler or another thread
}

void call(const std::string& target) {
    auto channel = grpc::sync::insecure_channel(target);
    demo::MyService::SyncStub stub(channel);

    MyRequest request;
    request.set_message("weft");
    MyResponse response = stub.UnaryMethod(request, grpc::CallOptions().timeout(2s)).result();
    std::cout << response.reply() << "\n";

    MyStreamRequest wanted;
    wanted.set_count(3);
    for (const MyResponse& each : stub.UnaryStreamMethod(wanted)) std::cout << each.reply() << "\n";

    auto failing = stub.UnaryMethod(MyRequest());
    std::cout << failing.status().to_string() << "\n";  // result() would throw it
    channel.close();
}

void call_from_threads(const grpc::sync::Channel& channel) {
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i)
        threads.emplace_back([&channel] {
            MyRequest request;
            request.set_message("from a thread of its own");
            auto response = demo::MyService::SyncStub(channel).UnaryMethod(request).result();
            if (response.reply() != "hello from a thread of its own") std::cout << "what?\n";
        });
    for (auto& thread : threads) thread.join();
    std::cout << "4 threads, 4 connections\n";
}

int main() {
    std::promise<grpc::sync::Server*> made;
    std::promise<int> port;
    std::thread thread([&] {
        MyService service;
        grpc::sync::Server server;
        port.set_value(server.add_insecure_port("127.0.0.1:0"));
        made.set_value(&server);
        serve(server, service);
    });
    const std::string target = "127.0.0.1:" + std::to_string(port.get_future().get());
    grpc::sync::Server* server = made.get_future().get();
    call(target);
    call_from_threads(grpc::sync::insecure_channel(target));
    server->request_stop();
    thread.join();
}
