// The three streaming kinds, between our client and our server.
#include "echo_service.hpp"

#include <weft/testing/co_test.hpp>

#include <gtest/gtest.h>

namespace weft::test {
namespace {

using namespace std::chrono_literals;
using grpc::CallOptions;
using grpc::RpcError;
using grpc::StatusCode;

CO_TEST(UnaryStreamCall, gives_every_response_then_the_end) {
    EchoPair echo;
    co_await echo.start();
    auto call = echo.stub->List(request_of("item", 1000));
    int next = 0;
    for (;;) {
        auto reply = co_await call.read();
        if (!reply) break;
        EXPECT_EQ(reply->number(), next++);
    }
    EXPECT_EQ(next, 1000);
    const auto after_end = co_await call.read();
    EXPECT_FALSE(after_end.has_value());
    const StatusCode code = co_await call.code();
    EXPECT_EQ(code, StatusCode::ok);
    co_await echo.close();
}

CO_TEST(UnaryStreamCall, error_comes_after_the_last_response) {
    EchoPair echo;
    co_await echo.start();
    auto call = echo.stub->List(request_of("why", 3, 9));
    int got = 0;
    StatusCode code = StatusCode::ok;
    try {
        for (;;) {
            auto reply = co_await call.read();
            if (!reply) break;
            ++got;
        }
    } catch (const RpcError& error) {
        code = error.code();
        EXPECT_EQ(error.details(), "why");
    }
    EXPECT_EQ(got, 3);
    EXPECT_EQ(code, StatusCode::failed_precondition);
    co_await echo.close();
}

CO_TEST(UnaryStreamCall, reader_that_stops_stops_the_handler) {
    EchoPair echo;
    co_await echo.start();
    auto call = echo.stub->List(request_of(std::string(10'000, 'p'), 100'000));
    auto first = co_await call.read();
    EXPECT_TRUE(first.has_value());
    int before = -1;
    while (before != echo.service.written) {
        before = echo.service.written;
        co_await sleep(50ms);
    }
    EXPECT_LT(echo.service.written, 2000) << "the window did not push back";
    int got = 1;
    while (got < 5000) {
        auto reply = co_await call.read();
        EXPECT_TRUE(reply.has_value());
        ++got;
    }
    EXPECT_GE(echo.service.written, 5000);
    call.cancel();
    bool thrown = false;
    try {
        co_await call.read();
    } catch (const RpcError& error) {
        thrown = error.code() == StatusCode::cancelled;
    }
    EXPECT_TRUE(thrown);
    co_await echo.close();
}

CO_TEST(UnaryStreamCall, cancelled_read_leaves_the_call_going) {
    EchoPair echo;
    co_await echo.start();
    auto call = echo.stub->List(request_of("slow", 2, 0, 150));
    auto first = co_await call.read();
    EXPECT_TRUE(first.has_value());
    auto read_once = [&call]() -> Task<void> {
        auto reply = co_await call.read();
        ADD_FAILURE() << reply->text();
    };
    bool timed_out = false;
    try {
        co_await timeout(20ms, read_once());
    } catch (const TimeoutError&) {
        timed_out = true;
    }
    EXPECT_TRUE(timed_out);
    auto second = co_await call.read();
    EXPECT_EQ(second->number(), 1);
    co_await echo.close();
}

CO_TEST(UnaryStreamCall, two_readers_are_refused) {
    EchoPair echo;
    co_await echo.start();
    auto call = echo.stub->List(request_of("slow", 2, 0, 1000));
    auto first = co_await call.read();
    auto read_once = [&call]() -> Task<void> { (void)co_await call.read(); };
    auto reader = spawn(read_once());
    co_await yield();
    bool refused = false;
    try {
        (void)co_await call.read();
    } catch (const UsageError&) {
        refused = true;
    }
    EXPECT_TRUE(refused);
    co_await echo.close();
    try {
        co_await reader;
    } catch (const RpcError&) {
    }
}

CO_TEST(UnaryStreamCall, dropping_the_call_wakes_who_waits_on_it) {
    EchoPair echo;
    co_await echo.start();
    auto call =
        std::make_unique<grpc::UnaryStreamCall<EchoReply>>(echo.stub->List(request_of("slow", 2, 0, 60'000)));
    auto first = co_await call->read();
    EXPECT_TRUE(first.has_value());
    grpc::UnaryStreamCall<EchoReply>* raw = call.get();
    auto read_once = [raw]() -> Task<void> { (void)co_await raw->read(); };
    auto reader = spawn(read_once());
    co_await yield();
    call.reset();
    bool closed = false;
    try {
        co_await reader;
    } catch (const ClosedError&) {
        closed = true;
    }
    EXPECT_TRUE(closed);
    co_await echo.service.cancellation_seen.wait();
    co_await echo.close();
}

CO_TEST(StreamUnaryCall, sums_what_was_written) {
    EchoPair echo;
    co_await echo.start();
    auto call = echo.stub->Sum();
    for (int i = 1; i <= 100; ++i) co_await call.write(request_of("", i));
    call.done_writing();
    call.done_writing();
    const EchoReply reply = co_await call;
    EXPECT_EQ(reply.number(), 5050);
    co_await echo.close();
}

CO_TEST(StreamUnaryCall, empty_stream_is_legal) {
    EchoPair echo;
    co_await echo.start();
    auto call = echo.stub->Sum();
    call.done_writing();
    const EchoReply reply = co_await call;
    EXPECT_EQ(reply.number(), 0);
    co_await echo.close();
}

CO_TEST(StreamUnaryCall, large_stream_is_pushed_back_and_arrives) {
    EchoPair echo;
    co_await echo.start();
    auto call = echo.stub->Sum();
    const std::string piece(20'000, 'z');
    for (int i = 0; i < 100; ++i) co_await call.write(request_of(piece, 1));
    call.done_writing();
    const EchoReply reply = co_await call;
    EXPECT_EQ(reply.number(), 100);
    EXPECT_EQ(reply.text().size(), 2'000'000U);
    co_await echo.close();
}

CO_TEST(StreamUnaryCall, write_after_done_or_after_the_end_is_an_error) {
    EchoPair echo;
    co_await echo.start();
    auto call = echo.stub->Sum();
    call.done_writing();
    bool refused = false;
    try {
        co_await call.write(request_of("late"));
    } catch (const UsageError&) {
        refused = true;
    }
    EXPECT_TRUE(refused);
    auto failing = echo.stub->Sum();
    co_await failing.write(request_of("", 0, 3));
    StatusCode code = StatusCode::ok;
    try {
        for (;;) {
            co_await failing.write(request_of("more"));
            co_await yield();
        }
    } catch (const RpcError& error) {
        code = error.code();
    }
    EXPECT_EQ(code, StatusCode::invalid_argument);
    co_await echo.close();
}

CO_TEST(StreamStreamCall, ping_pong) {
    EchoPair echo;
    co_await echo.start();
    auto call = echo.stub->Chat();
    for (int i = 0; i < 200; ++i) {
        co_await call.write(request_of("ping", i));
        auto reply = co_await call.read();
        EXPECT_EQ(reply->number(), i);
    }
    call.done_writing();
    auto end = co_await call.read();
    EXPECT_FALSE(end.has_value());
    co_await echo.close();
}

CO_TEST(StreamStreamCall, both_directions_at_once) {
    EchoPair echo;
    co_await echo.start();
    auto call = echo.stub->Chat();
    constexpr int count = 20'000;
    auto write_all = [&call]() -> Task<void> {
        for (int i = 0; i < count; ++i) co_await call.write(request_of(std::string(100, 'w'), i));
        call.done_writing();
    };
    auto read_all = [&call]() -> Task<int> {
        int got = 0;
        for (;;) {
            auto reply = co_await call.read();
            if (!reply) break;
            EXPECT_EQ(reply->number(), got++);
        }
        co_return got;
    };
    auto writer = spawn(write_all());
    const int got = co_await read_all();
    co_await writer;
    EXPECT_EQ(got, count);
    co_await echo.close();
}

CO_TEST(StreamStreamCall, deadline_interrupts_it) {
    EchoPair echo;
    co_await echo.start();
    auto call = echo.stub->Chat(CallOptions().timeout(400ms));
    co_await call.write(request_of("x"));
    auto reply = co_await call.read();
    EXPECT_EQ(reply->text(), "x");
    StatusCode code = StatusCode::ok;
    try {
        (void)co_await call.read();
    } catch (const RpcError& error) {
        code = error.code();
    }
    EXPECT_EQ(code, StatusCode::deadline_exceeded);
    co_await echo.close();
}

CO_TEST(StreamStreamCall, server_may_end_first) {
    EchoPair echo;
    co_await echo.start();
    auto call = echo.stub->Chat();
    co_await call.write(request_of("enough", 0, 10));
    StatusCode code = StatusCode::ok;
    try {
        (void)co_await call.read();
    } catch (const RpcError& error) {
        code = error.code();
    }
    EXPECT_EQ(code, StatusCode::aborted);
    co_await echo.close();
}

}  // namespace
}  // namespace weft::test
