// weft's client against the servers of grpc++ and grpc.aio, and their clients against weft's server.
#include "peer.weft.hpp"
#include "peer_command.hpp"
#include "peer_process.hpp"
#include "peer_service.hpp"

#include <weft/core.hpp>
#include <weft/grpc/server.hpp>

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

namespace interop {
namespace {

using namespace std::chrono_literals;
using weft::Task;
using weft::grpc::CallOptions;
using weft::grpc::RpcError;
using weft::grpc::StatusCode;

const std::string binary_value("\x00\x01\xfe\xff", 4);
const std::string special_text = "tab\t cr\r lf\n \xc3\xbc \xe2\x82\xac \xf0\x9f\x98\x88 100%";

const std::vector<std::string> case_names{"unary",    "server_stream", "client_stream", "bidi",
                                          "metadata", "deadline",      "cancel",        "status",
                                          "large",    "concurrent",    "missing"};

PeerRequest text_request(std::string text) {
    PeerRequest request;
    request.set_text(std::move(text));
    return request;
}

// weft's side of each case.
class Client {
public:
    explicit Client(const std::string& target)
        : channel_(weft::grpc::insecure_channel(
              target, weft::grpc::ChannelOptions().max_receive_message_length(8 << 20))),
          stub_(channel_) {}

    Task<void> run(std::string name) {
        if (name == "unary") return unary();
        if (name == "server_stream") return server_stream();
        if (name == "client_stream") return client_stream();
        if (name == "bidi") return bidi();
        if (name == "metadata") return metadata();
        if (name == "deadline") return deadline();
        if (name == "cancel") return cancel();
        if (name == "status") return status();
        if (name == "large") return large();
        if (name == "concurrent") return concurrent();
        return missing();
    }
    Task<void> close() { return channel_.close(); }

private:
    Task<void> unary() {
        const PeerReply reply = co_await stub_.Unary(text_request("hello"));
        EXPECT_EQ(reply.text(), "hello");
    }
    Task<void> server_stream() {
        PeerRequest request;
        request.set_count(500);
        auto call = stub_.ServerStream(request);
        int got = 0;
        for (;;) {
            auto reply = co_await call.read();
            if (!reply) break;
            EXPECT_EQ(reply->number(), got++);
        }
        EXPECT_EQ(got, 500);
    }
    Task<void> client_stream() {
        auto call = stub_.ClientStream();
        PeerRequest request = text_request("x");
        for (int i = 1; i <= 100; ++i) {
            request.set_count(i);
            co_await call.write(request);
        }
        call.done_writing();
        const PeerReply reply = co_await call;
        EXPECT_EQ(reply.number(), 5050);
        EXPECT_EQ(reply.text().size(), 100U);
    }
    Task<void> bidi() {
        auto call = stub_.Bidi();
        for (int i = 0; i < 100; ++i) {
            PeerRequest request;
            request.set_count(i);
            co_await call.write(request);
            auto reply = co_await call.read();
            EXPECT_EQ(reply->number(), i);
        }
        call.done_writing();
        auto end = co_await call.read();
        EXPECT_FALSE(end.has_value());
    }
    Task<void> metadata() {
        weft::grpc::Metadata metadata;
        metadata.add("x-initial", "one value").add("x-trailing-bin", binary_value);
        auto call = stub_.Unary(text_request("m"), CallOptions().metadata(std::move(metadata)));
        const auto& initial = co_await call.initial_metadata();
        EXPECT_EQ(initial.get("x-initial"), "one value");
        const auto& trailing = co_await call.trailing_metadata();
        EXPECT_EQ(trailing.get("x-trailing-bin"), binary_value);
        const PeerReply reply = co_await call;
        EXPECT_EQ(reply.text(), "m");
    }
    Task<void> deadline() {
        PeerRequest request;
        request.set_sleep_ms(60'000);
        auto call = stub_.Unary(request, CallOptions().timeout(50ms));
        const StatusCode code = co_await call.code();
        EXPECT_EQ(code, StatusCode::deadline_exceeded);
        co_await wait_for_cancelled();
    }
    Task<void> cancel() {
        PeerRequest request;
        request.set_count(1000);
        request.set_sleep_ms(20);
        auto call = stub_.ServerStream(request);
        auto first = co_await call.read();
        EXPECT_TRUE(first.has_value());
        call.cancel();
        const StatusCode code = co_await call.code();
        EXPECT_EQ(code, StatusCode::cancelled);
        co_await wait_for_cancelled();
    }
    Task<void> wait_for_cancelled() {
        for (int i = 0; i < 500; ++i) {
            const PeerReply reply = co_await stub_.Unary(text_request("cancelled?"));
            if (reply.number() > 0) co_return;
            co_await weft::sleep(10ms);
        }
        ADD_FAILURE() << "the handler was not cancelled";
    }
    Task<void> status() {
        PeerRequest request = text_request(special_text);
        request.set_fail_code(9);
        auto call = stub_.Unary(request);
        const auto& status = co_await call.status();
        EXPECT_EQ(status.code(), StatusCode::failed_precondition);
        EXPECT_EQ(status.details(), special_text);
        EXPECT_EQ(status.details_bin(), status_details);
        request.set_count(2);
        auto stream = stub_.ServerStream(request);
        int got = 0;
        StatusCode code = StatusCode::ok;
        try {
            for (;;) {
                auto reply = co_await stream.read();
                if (!reply) break;
                ++got;
            }
        } catch (const RpcError& error) {
            code = error.code();
        }
        EXPECT_EQ(got, 2);
        EXPECT_EQ(code, StatusCode::failed_precondition);
    }
    Task<void> large() {
        PeerRequest request;
        request.set_payload(std::string(4 << 20, 'q'));
        request.set_reply_size(4 << 20);
        const PeerReply reply = co_await stub_.Unary(request);
        EXPECT_EQ(reply.number(), 4 << 20);
        EXPECT_EQ(reply.payload().size(), std::size_t{4} << 20);
    }
    Task<void> concurrent() {
        std::vector<weft::grpc::UnaryUnaryCall<PeerReply>> calls;
        for (int i = 0; i < 1000; ++i) calls.push_back(stub_.Unary(text_request(std::to_string(i))));
        for (int i = 0; i < 1000; ++i) {
            const PeerReply reply = co_await calls[i];
            EXPECT_EQ(reply.text(), std::to_string(i));
        }
    }
    Task<void> missing() {
        auto call = stub_.Missing(PeerRequest());
        const StatusCode code = co_await call.code();
        EXPECT_EQ(code, StatusCode::unimplemented);
    }

    weft::grpc::Channel channel_;
    Peer::Stub stub_;
};

void run(Task<void> task) {
    weft::Loop loop;
    loop.run(weft::timeout(60s, std::move(task)));
}

class GrpcInterop : public ::testing::TestWithParam<std::tuple<std::string, std::string>> {};

Task<void> our_client(std::string peer, std::string name) {
    PeerProcess server(peer_command(peer, {"server"}));
    const std::string port = co_await server.read_line();
    Client client("127.0.0.1:" + port);
    co_await client.run(name);
    co_await client.close();
}

Task<void> our_server(std::string peer, std::string name) {
    PeerService service;
    weft::grpc::Server server(weft::grpc::ServerOptions().max_receive_message_length(8 << 20));
    server.add_service(service);
    const int port = server.add_insecure_port("127.0.0.1:0");
    co_await server.start();
    std::vector<std::string> arguments{"client", "127.0.0.1:" + std::to_string(port), name};
    PeerProcess client(peer_command(peer, std::move(arguments)));
    const auto result = co_await client.wait();
    EXPECT_EQ(result.first, 0) << result.second;
    co_await server.stop();
}

TEST_P(GrpcInterop, our_client_with_their_server) {
    run(our_client(std::get<0>(GetParam()), std::get<1>(GetParam())));
}

TEST_P(GrpcInterop, their_client_with_our_server) {
    run(our_server(std::get<0>(GetParam()), std::get<1>(GetParam())));
}

INSTANTIATE_TEST_SUITE_P(Peers, GrpcInterop,
                         ::testing::Combine(::testing::Values("grpcxx", "python"),
                                            ::testing::ValuesIn(case_names)),
                         [](const auto& of) { return std::get<0>(of.param) + "_" + std::get<1>(of.param); });

}  // namespace
}  // namespace interop
