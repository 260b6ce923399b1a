// Calls that are sent again: by the service config's policy, and those that a server has certainly not seen.
#include "echo_service.hpp"

#include <weft/testing/co_test.hpp>

#include <gtest/gtest.h>

#include <vector>

namespace weft::test {
namespace {

using namespace std::chrono_literals;
using grpc::CallOptions;
using grpc::ChannelOptions;
using grpc::ServerOptions;
using grpc::StatusCode;

std::string retry_config(const std::string& more = "") {
    return R"({"methodConfig": [{"name": [{"service": "weft.test.Flaky"}], "retryPolicy": {"maxAttempts": 4,
        "initialBackoff": "0.002s", "maxBackoff": "0.01s", "backoffMultiplier": 2,
        "retryableStatusCodes": ["UNAVAILABLE", 10]}}])" +
           more + "}";
}

// Fails `failures` times, then answers with what it saw.
class Flaky final : public grpc::Service {
public:
    Flaky() {
        add_unary_unary("/weft.test.Flaky/Do", &Flaky::run);
        add_stream_unary("/weft.test.Flaky/Collect", &Flaky::collect);
        add_unary_stream("/weft.test.Flaky/List", &Flaky::list);
    }
    Task<std::string> run(grpc::ServerContext& context, std::string text) {
        note(context);
        co_return text;
    }
    Task<std::string> collect(grpc::ServerContext& context, grpc::ServerReader<std::string>& requests) {
        std::string all;
        for (;;) {
            auto request = co_await requests.read();
            if (!request) break;
            all += *request;
        }
        note(context);
        co_return all;
    }
    Task<void> list(grpc::ServerContext& context, std::string, grpc::ServerWriter<std::string>& responses) {
        co_await responses.write("one");
        note(context);
    }

    int failures = 0;
    StatusCode code = StatusCode::unavailable;
    int calls = 0;

private:
    void note(grpc::ServerContext& context) {
        ++calls;
        if (failures == 0) return;
        --failures;
        context.abort(code, "try again");
    }
};

struct FlakyPair {
    explicit FlakyPair(std::string config) {
        server.add_service(service);
        target = "127.0.0.1:" + std::to_string(server.add_insecure_port("127.0.0.1:0"));
        channel = std::make_unique<grpc::Channel>(
            grpc::insecure_channel(target, ChannelOptions().service_config(std::move(config))));
    }
    Task<void> close() {
        co_await channel->close();
        co_await server.stop();
    }
    Flaky service;
    grpc::Server server;
    std::string target;
    std::unique_ptr<grpc::Channel> channel;
};

CO_TEST(Retry, repeats_a_unary_call_until_it_succeeds) {
    FlakyPair pair(retry_config());
    co_await pair.server.start();
    pair.service.failures = 3;
    const std::string reply = co_await pair.channel->unary_unary("/weft.test.Flaky/Do")("hello");
    EXPECT_EQ(reply, "hello");
    EXPECT_EQ(pair.service.calls, 4);
    co_await pair.close();
}

CO_TEST(Retry, ends_with_the_last_status_after_the_last_attempt) {
    FlakyPair pair(retry_config());
    co_await pair.server.start();
    pair.service.failures = 10;
    auto call = pair.channel->unary_unary("/weft.test.Flaky/Do")("hello");
    const grpc::Status status = co_await call.status();
    EXPECT_EQ(status.code(), StatusCode::unavailable);
    EXPECT_EQ(status.details(), "try again");
    EXPECT_EQ(pair.service.calls, 4);
    co_await pair.close();
}

CO_TEST(Retry, leaves_other_codes_alone) {
    FlakyPair pair(retry_config());
    co_await pair.server.start();
    pair.service.failures = 1;
    pair.service.code = StatusCode::not_found;
    auto call = pair.channel->unary_unary("/weft.test.Flaky/Do")("hello");
    const StatusCode code = co_await call.code();
    EXPECT_EQ(code, StatusCode::not_found);
    EXPECT_EQ(pair.service.calls, 1);
    co_await pair.close();
}

CO_TEST(Retry, sends_a_stream_of_requests_again_from_its_beginning) {
    FlakyPair pair(retry_config());
    co_await pair.server.start();
    pair.service.failures = 2;
    auto call = pair.channel->stream_unary("/weft.test.Flaky/Collect")();
    const std::string texts[] = {"a", "b", "c"};
    for (const std::string& text : texts) co_await call.write(text);
    call.done_writing();
    const std::string reply = co_await call;
    EXPECT_EQ(reply, "abc");
    EXPECT_EQ(pair.service.calls, 3);
    co_await pair.close();
}

CO_TEST(Retry, stops_once_the_response_has_begun) {
    FlakyPair pair(retry_config());
    co_await pair.server.start();
    pair.service.failures = 1;
    auto call = pair.channel->unary_stream("/weft.test.Flaky/List")("x");
    auto first = co_await call.read();
    EXPECT_EQ(first, "one");
    const StatusCode code = co_await call.code();
    EXPECT_EQ(code, StatusCode::unavailable);
    EXPECT_EQ(pair.service.calls, 1);
    co_await pair.close();
}

CO_TEST(Retry, throttling_stops_retries_while_most_calls_fail) {
    FlakyPair pair(retry_config(R"(, "retryThrottling": {"maxTokens": 4, "tokenRatio": 1})"));
    co_await pair.server.start();
    pair.service.failures = 100;
    auto call = pair.channel->unary_unary("/weft.test.Flaky/Do")("hello");
    co_await call.code();
    EXPECT_EQ(pair.service.calls, 2) << "3 tokens are above half, 2 are not";
    auto second = pair.channel->unary_unary("/weft.test.Flaky/Do")("hello");
    co_await second.code();
    EXPECT_EQ(pair.service.calls, 3);
    co_await pair.close();
}

CO_TEST(Retry, deadline_ends_the_pause_between_attempts) {
    FlakyPair pair(
        R"({"methodConfig": [{"name": [{}], "retryPolicy": {"maxAttempts": 4, "initialBackoff": "60s",
        "maxBackoff": "60s", "backoffMultiplier": 2, "retryableStatusCodes": ["UNAVAILABLE"]}}]})");
    co_await pair.server.start();
    pair.service.failures = 1;
    auto call = pair.channel->unary_unary("/weft.test.Flaky/Do")("x", CallOptions().timeout(50ms));
    const StatusCode code = co_await call.code();
    EXPECT_EQ(code, StatusCode::deadline_exceeded);
    co_await pair.close();
}

CO_TEST(ServiceConfig, gives_methods_their_timeout_and_limits) {
    EchoPair echo(ServerOptions(), ChannelOptions().service_config(R"({"methodConfig": [
        {"name": [{"service": "weft.test.Echo", "method": "Say"}], "timeout": "0.05s"},
        {"name": [{"service": "weft.test.Echo"}], "maxResponseMessageBytes": "100"}]})"));
    co_await echo.start();
    auto slow = echo.stub->Say(request_of("x", 0, 0, 60'000));
    const StatusCode late = co_await slow.code();
    EXPECT_EQ(late, StatusCode::deadline_exceeded);
    auto large = echo.stub->List(request_of(std::string(200, 'x'), 1));
    const StatusCode code = co_await large.code();
    EXPECT_EQ(code, StatusCode::resource_exhausted);
    co_await echo.close();
}

TEST(ServiceConfig, refuses_what_is_none) {
    for (const char* config :
         {"{", "[]", R"({"methodConfig": 3})", R"({"methodConfig": [{"timeout": "3"}]})",
          R"({"methodConfig": [{"name": [{"method": "M"}]}]})",
          R"({"methodConfig": [{"retryPolicy": {"maxAttempts": 1}}]})",
          R"({"retryThrottling": {"maxTokens": 0}})", R"({"loadBalancingConfig": [{"grpclb": {}}]})",
          R"({"methodConfig": [{"name": [{}, {}]}]})"})
        EXPECT_THROW((void)grpc::insecure_channel("localhost:1", ChannelOptions().service_config(config)),
                     UsageError)
            << config;
}

// A server that goes away (GOAWAY) while calls wait for a free stream: they are sent to the next connection.
CO_TEST(Retry, calls_that_never_left_go_to_the_next_connection) {
    EchoPair echo(ServerOptions().max_concurrent_streams(1).max_connection_age(60ms));
    co_await echo.start();
    std::vector<grpc::UnaryUnaryCall<EchoReply>> calls;
    calls.push_back(echo.stub->Say(request_of("first", 0, 0, 200)));
    for (int i = 0; i < 5; ++i) calls.push_back(echo.stub->Say(request_of("late")));
    for (auto& call : calls) {
        const grpc::Status status = co_await call.status();
        EXPECT_TRUE(status.ok()) << status.to_string();
    }
    co_await echo.close();
}

}  // namespace
}  // namespace weft::test
