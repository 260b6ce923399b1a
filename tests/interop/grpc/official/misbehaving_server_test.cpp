// The official negative HTTP/2 cases: what weft's client makes of a server that misbehaves.
#include "misbehaving_server.hpp"

#include "grpc/testing/test.weft.hpp"

#include <weft/testing/co_test.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace interop {
namespace {

using namespace std::chrono_literals;
using grpc::testing::SimpleRequest;
using grpc::testing::SimpleResponse;
using weft::Task;
using weft::grpc::StatusCode;

constexpr int large_request = 271828;
constexpr int large_response = 314159;

SimpleRequest large() {
    SimpleRequest request;
    request.set_response_size(large_response);
    request.mutable_payload()->set_body(std::string(large_request, '\0'));
    return request;
}

// A misbehaving server, and a client of it.
class Fixture {
public:
    static Task<std::unique_ptr<Fixture>> make(Misbehaviour kind) {
        auto fixture = std::unique_ptr<Fixture>(new Fixture(kind));
        weft::SocketAddress address = weft::SocketAddress::parse("127.0.0.1:0");
        weft::ConnectionHandler handler = [f = fixture.get()](weft::Connection& connection) {
            return f->serve(connection);
        };
        fixture->server_.emplace(weft::start_server(std::move(handler), address));
        const std::string target = "127.0.0.1:" + std::to_string(fixture->server_->port());
        fixture->channel_.emplace(weft::grpc::insecure_channel(target));
        fixture->stub_.emplace(*fixture->channel_);
        co_return fixture;
    }
    Task<void> close() {
        co_await channel_->close();
        co_await server_->close();
    }

    // One large call; its end's code, or OK only with the whole response.
    Task<StatusCode> call() {
        auto call = stub_->UnaryCall(large());
        const StatusCode code = co_await call.code();
        if (code == StatusCode::ok) {
            const SimpleResponse response = co_await call;
            EXPECT_EQ(response.payload().body().size(), std::size_t{large_response});
        }
        co_return code;
    }

    Seen seen;

private:
    explicit Fixture(Misbehaviour kind) : kind_(kind) {
        SimpleResponse response;
        response.mutable_payload()->set_body(std::string(large_response, '\0'));
        message_ = response.SerializeAsString();
    }
    Task<void> serve(weft::Connection& connection) {
        Misbehaver misbehaver(connection, kind_, message_, seen);
        co_await misbehaver.serve();
    }

    Misbehaviour kind_;
    std::string message_;
    std::optional<weft::Server> server_;
    std::optional<weft::grpc::Channel> channel_;
    std::optional<grpc::testing::TestService::Stub> stub_;
};

CO_TEST(NegativeHttp2, the_server_itself_answers_properly) {
    auto with = co_await Fixture::make(Misbehaviour::none);
    for (int i = 0; i < 3; ++i) {
        const StatusCode code = co_await with->call();
        EXPECT_EQ(code, StatusCode::ok);
    }
    EXPECT_EQ(with->seen.connections, 1);
    co_await with->close();
}

CO_TEST(NegativeHttp2, goaway_moves_the_next_call_to_a_new_connection) {
    auto with = co_await Fixture::make(Misbehaviour::goaway);
    for (int i = 1; i <= 3; ++i) {
        const StatusCode code = co_await with->call();
        EXPECT_EQ(code, StatusCode::ok);
        EXPECT_EQ(with->seen.connections, i);
    }
    co_await with->close();
}

Task<void> reset_fails(Misbehaviour kind) {
    auto with = co_await Fixture::make(kind);
    for (int i = 1; i <= 2; ++i) {
        const StatusCode code = co_await with->call();
        EXPECT_EQ(code, StatusCode::internal);
        EXPECT_EQ(with->seen.calls, i) << "an answered call is not sent again";
    }
    EXPECT_EQ(with->seen.connections, 1) << "a reset stream costs no connection";
    co_await with->close();
}
CO_TEST(NegativeHttp2, rst_after_header_fails_the_call) {
    co_await reset_fails(Misbehaviour::rst_after_header);
}
CO_TEST(NegativeHttp2, rst_during_data_fails_the_call) {
    co_await reset_fails(Misbehaviour::rst_during_data);
}
CO_TEST(NegativeHttp2, rst_after_data_fails_the_call) { co_await reset_fails(Misbehaviour::rst_after_data); }

CO_TEST(NegativeHttp2, pings_are_all_answered) {
    auto with = co_await Fixture::make(Misbehaviour::ping);
    const StatusCode code = co_await with->call();
    EXPECT_EQ(code, StatusCode::ok);
    EXPECT_GT(with->seen.pings_sent, 10);
    // The last acknowledgement may still be on its way.
    for (int i = 0; i < 1000 && with->seen.ping_acks < with->seen.pings_sent; ++i) co_await weft::sleep(1ms);
    EXPECT_EQ(with->seen.ping_acks, with->seen.pings_sent);
    co_await with->close();
}

CO_TEST(NegativeHttp2, max_streams_of_1_makes_ten_calls_take_turns) {
    auto with = co_await Fixture::make(Misbehaviour::max_streams);
    const StatusCode first = co_await with->call();
    EXPECT_EQ(first, StatusCode::ok);
    std::vector<Task<StatusCode>> calls;
    for (int i = 0; i < 10; ++i) calls.push_back(with->call());
    const std::vector<StatusCode> codes = co_await weft::gather(std::move(calls));
    for (const StatusCode code : codes) EXPECT_EQ(code, StatusCode::ok);
    EXPECT_EQ(with->seen.calls, 11);
    EXPECT_EQ(with->seen.most_open, 1);
    EXPECT_EQ(with->seen.connections, 1);
    co_await with->close();
}

CO_TEST(NegativeHttp2, data_frame_padding_is_given_back_to_the_windows) {
    auto with = co_await Fixture::make(Misbehaviour::data_frame_padding);
    const StatusCode code = co_await with->call();
    EXPECT_EQ(code, StatusCode::ok);
    EXPECT_GT(with->seen.padding_frames, large_response / 5);
    co_await with->close();
}

}  // namespace
}  // namespace interop
