// Unary calls between our client and our server, over real sockets.
#include "echo_service.hpp"

#include <weft/testing/co_test.hpp>

#include <gtest/gtest.h>

#include <vector>

#include <unistd.h>

namespace weft::test {
namespace {

using namespace std::chrono_literals;
using grpc::CallOptions;
using grpc::RpcError;
using grpc::StatusCode;

CO_TEST(UnaryCall, gives_the_response) {
    EchoPair echo;
    co_await echo.start();
    const EchoReply reply = co_await echo.stub->Say(request_of("hello"));
    EXPECT_EQ(reply.text(), "hello");
    co_await echo.close();
}

CO_TEST(UnaryCall, carries_metadata_both_ways) {
    EchoPair echo;
    co_await echo.start();
    grpc::Metadata metadata;
    metadata.add("x-initial", "there and back").add("x-trailing-bin", std::string("\0\xff\x10", 3));
    auto call = echo.stub->Say(request_of("m"), CallOptions().metadata(std::move(metadata)));
    const grpc::Metadata& initial = co_await call.initial_metadata();
    EXPECT_EQ(initial.get("x-initial-back"), "there and back");
    const EchoReply reply = co_await call;
    EXPECT_EQ(reply.text(), "m");
    const EchoReply again = co_await call;
    EXPECT_EQ(again.text(), "m") << "a call may be awaited again";
    const grpc::Metadata& trailing = co_await call.trailing_metadata();
    EXPECT_EQ(trailing.get("x-trailing-back-bin"), std::string_view("\0\xff\x10", 3));
    const StatusCode code = co_await call.code();
    EXPECT_EQ(code, StatusCode::ok);
    EXPECT_TRUE(call.done());
    EXPECT_EQ(call.peer(), "ipv4:" + echo.target);
    co_await echo.close();
}

CO_TEST(UnaryCall, error_carries_code_details_and_binary_details) {
    EchoPair echo;
    co_await echo.start();
    bool thrown = false;
    try {
        co_await echo.stub->Say(request_of("tab\t, line\n, ümlaut, 😈 100%", 0, 5));
    } catch (const RpcError& error) {
        thrown = true;
        EXPECT_EQ(error.code(), StatusCode::not_found);
        EXPECT_EQ(error.details(), "tab\t, line\n, ümlaut, 😈 100%");
        EXPECT_EQ(error.details_bin(), "detail\x01\x02");
        EXPECT_NE(std::string(error.what()).find("/weft.test.Echo/Say: NOT_FOUND"), std::string::npos);
    }
    EXPECT_TRUE(thrown);
    co_await echo.close();
}

CO_TEST(UnaryCall, text_of_a_handlers_exception_stays_on_the_server) {
    std::string logged;
    const auto log = [](std::string_view, std::exception_ptr error, void* user) {
        try {
            std::rethrow_exception(error);
        } catch (const std::exception& e) {
            *static_cast<std::string*>(user) = e.what();
        }
    };
    EchoPair echo(grpc::ServerOptions().on_handler_error(log, &logged));
    co_await echo.start();
    auto call = echo.stub->Say(request_of("throw"));
    const grpc::Status& status = co_await call.status();
    EXPECT_EQ(status.code(), StatusCode::unknown);
    EXPECT_EQ(status.details().find("secret"), std::string::npos);
    EXPECT_EQ(logged, "a secret of the server");
    co_await echo.close();
}

CO_TEST(UnaryCall, method_without_handler_is_unimplemented) {
    EchoPair echo;
    co_await echo.start();
    auto missing = echo.stub->Missing(request_of(""));
    const StatusCode code = co_await missing.code();
    EXPECT_EQ(code, StatusCode::unimplemented);
    auto unknown = echo.channel->unary_unary("/no.Such/Thing")("x");
    const grpc::Status& status = co_await unknown.status();
    EXPECT_EQ(status.code(), StatusCode::unimplemented);
    co_await echo.close();
}

CO_TEST(UnaryCall, deadline_ends_it_on_both_sides) {
    EchoPair echo;
    co_await echo.start();
    auto call = echo.stub->Say(request_of("late", 0, 0, 60'000), CallOptions().timeout(50ms));
    EXPECT_TRUE(call.time_remaining().has_value());
    const grpc::Status& status = co_await call.status();
    EXPECT_EQ(status.code(), StatusCode::deadline_exceeded);
    EXPECT_FALSE(call.cancelled());
    co_await echo.service.cancellation_seen.wait();
    EXPECT_EQ(echo.service.cancelled, 1);
    auto past = echo.stub->Say(request_of("past"), CallOptions().timeout(-1s));
    const StatusCode code = co_await past.code();
    EXPECT_EQ(code, StatusCode::deadline_exceeded);
    EXPECT_EQ(echo.service.calls, 1) << "a call whose deadline has passed is not sent";
    co_await echo.close();
}

CO_TEST(UnaryCall, cancelling_the_task_cancels_the_handler) {
    EchoPair echo;
    co_await echo.start();
    co_await echo.channel->channel_ready();
    auto body = [&]() -> Task<void> { co_await echo.stub->Say(request_of("c", 0, 0, 60'000)); };
    auto task = spawn(body());
    while (echo.service.calls == 0) co_await sleep(1ms);
    task.cancel();
    co_await echo.service.cancellation_seen.wait();
    EXPECT_TRUE(task.cancelled());
    co_await echo.close();
}

CO_TEST(UnaryCall, cancel_and_drop_cancel_the_handler) {
    EchoPair echo;
    co_await echo.start();
    auto call = echo.stub->Say(request_of("c", 0, 0, 60'000));
    while (echo.service.calls == 0) co_await sleep(1ms);
    EXPECT_TRUE(call.cancel());
    EXPECT_FALSE(call.cancel());
    EXPECT_TRUE(call.cancelled());
    const std::string details = co_await call.details();
    EXPECT_EQ(details, "Locally cancelled by application!");
    co_await echo.service.cancellation_seen.wait();
    echo.service.cancellation_seen.clear();
    {
        auto dropped = echo.stub->Say(request_of("d", 0, 0, 60'000));
        while (echo.service.calls == 1) co_await sleep(1ms);
    }
    co_await echo.service.cancellation_seen.wait();
    EXPECT_EQ(echo.service.cancelled, 2);
    co_await echo.close();
}

CO_TEST(UnaryCall, large_messages_pass_and_limits_hold) {
    EchoPair echo;
    co_await echo.start();
    std::string large(4'000'000, 'L');
    const EchoReply reply = co_await echo.stub->Say(request_of(large));
    EXPECT_EQ(reply.text(), large);
    auto too_large_response = echo.stub->Say(request_of("", 5'000'000));
    const grpc::Status& status = co_await too_large_response.status();
    EXPECT_EQ(status.code(), StatusCode::resource_exhausted);
    auto too_large_request = echo.stub->Say(request_of(std::string(5'000'000, 'R')));
    const grpc::Status& second = co_await too_large_request.status();
    EXPECT_EQ(second.code(), StatusCode::resource_exhausted);
    const EchoReply after = co_await echo.stub->Say(request_of("still there"));
    EXPECT_EQ(after.text(), "still there");
    co_await echo.close();
}

CO_TEST(UnaryCall, a_thousand_at_once) {
    EchoPair echo;
    co_await echo.start();
    std::vector<grpc::UnaryUnaryCall<EchoReply>> calls;
    for (int i = 0; i < 1000; ++i) calls.push_back(echo.stub->Say(request_of(std::to_string(i), 0, 0, 20)));
    for (int i = 0; i < 1000; ++i) {
        const EchoReply reply = co_await calls[i];
        EXPECT_EQ(reply.text(), std::to_string(i));
    }
    co_await echo.close();
}

CO_TEST(UnaryCall, works_over_unix_sockets) {
    const std::string path =
        "unix:" + ::testing::TempDir() + "weft_grpc_" + std::to_string(::getpid()) + ".sock";
    EchoPair echo(grpc::ServerOptions(), grpc::ChannelOptions(), path);
    co_await echo.start();
    const EchoReply reply = co_await echo.stub->Say(request_of("local"));
    EXPECT_EQ(reply.text(), "local");
    co_await echo.close();
    EchoPair abstract(grpc::ServerOptions(), grpc::ChannelOptions(),
                      "unix-abstract:weft-grpc-test-" + std::to_string(::getpid()));
    co_await abstract.start();
    const EchoReply second = co_await abstract.stub->Say(request_of("no file"));
    EXPECT_EQ(second.text(), "no file");
    co_await abstract.close();
}

CO_TEST(UnaryCall, raw_bytes_need_no_message_types) {
    EchoPair echo;
    co_await echo.start();
    auto say = echo.channel->unary_unary("/weft.test.Echo/Say");
    const std::string reply = co_await say(request_of("raw").SerializeAsString());
    EchoReply parsed;
    EXPECT_TRUE(parsed.ParseFromString(reply));
    EXPECT_EQ(parsed.text(), "raw");
    auto broken = say("\xff\xff\xff");
    const StatusCode code = co_await broken.code();
    EXPECT_EQ(code, StatusCode::internal);
    co_await echo.close();
}

}  // namespace
}  // namespace weft::test
