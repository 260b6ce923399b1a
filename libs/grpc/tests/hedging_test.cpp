// Hedging (gRFC A6): copies of a call, the first answer wins.
#include <weft/core.hpp>
#include <weft/grpc/channel.hpp>
#include <weft/grpc/server.hpp>
#include <weft/testing/co_test.hpp>

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

namespace weft::test {
namespace {

using namespace std::chrono_literals;
using grpc::CallOptions;
using grpc::ChannelOptions;
using grpc::StatusCode;

// Does with the n-th call what the test said.
class Scripted final : public grpc::Service {
public:
    enum class Do { answer, hang, fail_later, unavailable, not_found, stop_hedging, wait_for_next };

    Scripted() {
        add_unary_unary("/weft.test.Hedge/Do", &Scripted::run);
        add_stream_stream("/weft.test.Hedge/Chat", &Scripted::chat);
    }
    Task<std::string> run(grpc::ServerContext& context, std::string request) {
        const int number = calls++;
        const Do what = number < static_cast<int>(script.size()) ? script[number] : Do::answer;
        co_await act(what, context);
        co_return request + " " + std::to_string(number);
    }
    Task<void> chat(grpc::ServerContext& context,
                    grpc::ServerReaderWriter<std::string, std::string>& stream) {
        const int number = calls++;
        const Do what = number < static_cast<int>(script.size()) ? script[number] : Do::answer;
        co_await act(what, context);
        for (;;) {
            auto request = co_await stream.read();
            if (!request) break;
            const std::string reply = *request + " " + std::to_string(number);
            co_await stream.write(reply);
        }
    }
    std::vector<Do> script;
    int calls = 0;
    int cancelled = 0;

private:
    Task<void> act(Do what, grpc::ServerContext& context) {
        switch (what) {
            case Do::answer:
                break;
            case Do::hang:
                try {
                    co_await sleep(1h);
                } catch (const Cancelled&) {
                    ++cancelled;
                    throw;
                }
                break;
            case Do::fail_later:
                co_await sleep(60ms);
                context.abort(StatusCode::unavailable, "later");
            case Do::unavailable:
                context.abort(StatusCode::unavailable, "try again");
            case Do::not_found:
                context.abort(StatusCode::not_found, "none");
            case Do::stop_hedging:
                context.set_trailing_metadata(pushback("-1"));
                context.abort(StatusCode::unavailable, "no more");
            case Do::wait_for_next:
                context.set_trailing_metadata(pushback("50"));
                context.abort(StatusCode::unavailable, "in 50 ms");
        }
    }
    static grpc::Metadata pushback(std::string ms) {
        grpc::Metadata metadata;
        metadata.add_received("grpc-retry-pushback-ms", std::move(ms));
        return metadata;
    }
};
using Do = Scripted::Do;

std::string config(const std::string& delay, int attempts = 3) {
    return R"({"methodConfig":[{"name":[{"service":"weft.test.Hedge"}],"hedgingPolicy":{"maxAttempts":)" +
           std::to_string(attempts) + R"(,"hedgingDelay":")" + delay +
           R"(","nonFatalStatusCodes":["UNAVAILABLE"]}}]})";
}

struct Pair {
    Pair(const std::string& delay, std::vector<Do> script) {
        service.script = std::move(script);
        server.add_service(service);
        const int port = server.add_insecure_port("127.0.0.1:0");
        channel = std::make_unique<grpc::Channel>(grpc::insecure_channel(
            "127.0.0.1:" + std::to_string(port), ChannelOptions().service_config(config(delay))));
    }
    Task<void> close() {
        co_await channel->close();
        co_await server.stop();
    }
    Scripted service;
    grpc::Server server;
    std::unique_ptr<grpc::Channel> channel;
};

CO_TEST(Hedging, quick_answer_needs_no_copy) {
    Pair pair("1s", {});
    co_await pair.server.start();
    const std::string reply = co_await pair.channel->unary_unary("/weft.test.Hedge/Do")("x");
    EXPECT_EQ(reply, "x 0");
    EXPECT_EQ(pair.service.calls, 1);
    co_await pair.close();
}

CO_TEST(Hedging, first_answer_wins_and_the_slow_copy_is_cancelled) {
    Pair pair("0.02s", {Do::hang});
    co_await pair.server.start();
    const std::string reply = co_await pair.channel->unary_unary("/weft.test.Hedge/Do")("x");
    EXPECT_EQ(reply, "x 1");
    while (pair.service.cancelled == 0) co_await sleep(1ms);
    EXPECT_EQ(pair.service.calls, 2);
    co_await pair.close();
}

CO_TEST(Hedging, failure_that_is_not_fatal_sends_the_next_copy_at_once) {
    Pair pair("10s", {Do::unavailable, Do::unavailable});
    co_await pair.server.start();
    const std::string reply = co_await pair.channel->unary_unary("/weft.test.Hedge/Do")("x");
    EXPECT_EQ(reply, "x 2");
    co_await pair.close();
}

CO_TEST(Hedging, other_failures_end_the_call) {
    Pair pair("10s", {Do::not_found});
    co_await pair.server.start();
    auto call = pair.channel->unary_unary("/weft.test.Hedge/Do")("x");
    const StatusCode code = co_await call.code();
    EXPECT_EQ(code, StatusCode::not_found);
    EXPECT_EQ(pair.service.calls, 1);
    co_await pair.close();
}

CO_TEST(Hedging, last_failure_is_the_calls_when_all_copies_fail) {
    Pair pair("0.01s", {Do::fail_later, Do::unavailable, Do::unavailable});
    co_await pair.server.start();
    auto call = pair.channel->unary_unary("/weft.test.Hedge/Do")("x");
    const grpc::Status status = co_await call.status();
    EXPECT_EQ(status.code(), StatusCode::unavailable);
    EXPECT_EQ(status.details(), "later");
    EXPECT_EQ(pair.service.calls, 3);
    co_await pair.close();
}

CO_TEST(Hedging, server_may_say_no_more_or_later) {
    Pair pair("10s", {Do::stop_hedging});
    co_await pair.server.start();
    auto call = pair.channel->unary_unary("/weft.test.Hedge/Do")("x");
    const grpc::Status status = co_await call.status();
    EXPECT_EQ(status.details(), "no more");
    EXPECT_EQ(pair.service.calls, 1);
    pair.service.calls = 0;
    pair.service.script = {Do::wait_for_next};
    const TimePoint began = Clock::now();
    const std::string reply = co_await pair.channel->unary_unary("/weft.test.Hedge/Do")("x");
    EXPECT_EQ(reply, "x 1");
    EXPECT_GE(Clock::now() - began, 50ms);
    co_await pair.close();
}

CO_TEST(Hedging, streams_are_copied_from_their_beginning) {
    Pair pair("0.02s", {Do::hang});
    co_await pair.server.start();
    auto call = pair.channel->stream_stream("/weft.test.Hedge/Chat")();
    for (int i = 0; i < 3; ++i) {
        const std::string request = "m" + std::to_string(i);
        co_await call.write(request);
    }
    for (int i = 0; i < 3; ++i) {
        const auto reply = co_await call.read();
        EXPECT_EQ(reply, "m" + std::to_string(i) + " 1");
    }
    const std::string last = "last";
    co_await call.write(last);
    call.done_writing();
    const auto reply = co_await call.read();
    EXPECT_EQ(reply, "last 1");
    const auto end = co_await call.read();
    EXPECT_FALSE(end.has_value());
    co_await pair.close();
}

CO_TEST(Hedging, deadline_and_drop_end_every_copy) {
    Pair pair("0.01s", {Do::hang, Do::hang, Do::hang, Do::hang, Do::hang, Do::hang});
    co_await pair.server.start();
    auto call = pair.channel->unary_unary("/weft.test.Hedge/Do")("x", CallOptions().timeout(100ms));
    const StatusCode code = co_await call.code();
    EXPECT_EQ(code, StatusCode::deadline_exceeded);
    while (pair.service.cancelled < 3) co_await sleep(1ms);
    {
        auto dropped = pair.channel->unary_unary("/weft.test.Hedge/Do")("x");
        while (pair.service.calls < 6) co_await sleep(1ms);
    }
    while (pair.service.cancelled < 6) co_await sleep(1ms);
    co_await pair.close();
}

}  // namespace
}  // namespace weft::test
