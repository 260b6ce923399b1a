// What the server answers to requests that break gRPC: the protocol documents' answers, and never the
// connection.
#include "raw_call.hpp"

#include <weft/testing/co_test.hpp>

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace weft::test {
namespace {

struct Case {
    std::string name;
    Headers changes;  // an empty value leaves the header out
    std::string body;
    std::string grpc_status;
    std::string http_status = "200";
};

std::vector<Case> cases() {
    const std::string good = framed(request_of("x").SerializeAsString());
    return {
        {"sound", {}, good, "0"},
        {"no_te", {{"te", ""}}, good, "0"},
        {"content_type_proto", {{"content-type", "application/grpc+proto"}}, good, "0"},
        {"content_type_json", {{"content-type", "application/json"}}, good, "", "415"},
        {"content_type_missing", {{"content-type", ""}}, good, "", "415"},
        {"content_type_web", {{"content-type", "application/grpc-web"}}, good, "", "415"},
        {"get", {{":method", "GET"}}, good, "", "405"},
        {"unknown_method", {{":path", "/weft.test.Echo/Nope"}}, good, "12"},
        {"empty_path_part", {{":path", "/"}}, good, "12"},
        {"compressed_without_encoding", {}, framed("x", 1), "13"},
        {"flag_2", {}, framed("x", 2), "13"},
        {"unknown_encoding", {{"grpc-encoding", "snappy"}}, good, "12"},
        {"identity_encoding", {{"grpc-encoding", "identity"}}, good, "0"},
        {"timeout_text", {{"grpc-timeout", "abc"}}, good, "13"},
        {"timeout_nine_digits", {{"grpc-timeout", "123456789S"}}, good, "13"},
        {"two_messages", {}, good + good, "12"},
        {"no_message", {}, "", "12"},
        {"cut_message", {}, good.substr(0, good.size() - 1), "13"},
        {"cut_prefix", {}, good.substr(0, 3), "13"},
        {"unparsable", {}, framed("\xff\xff\xff"), "13"},
        {"too_large", {}, std::string("\0\x7f\xff\xff\xff", 5), "8"},
        {"bad_base64", {{"x-bin", "!!!"}}, good, "13"},
        {"large_metadata", {{"x-large", std::string(10'000, 'm')}}, good, "0"},
        {"too_large_metadata", {{"x-large", std::string(20'000, 'm')}}, good, "8"},
        {"gzip_broken", {{"grpc-encoding", "gzip"}}, framed("this is no gzip stream", 1), "13"},
        {"timeout_0", {{"grpc-timeout", "0S"}}, good, "4"},
        {"content_type_grpcfoo", {{"content-type", "application/grpcfoo"}}, good, "", "415"},
        {"put", {{":method", "PUT"}}, good, "", "405"},
        {"stream_flag_2", {{":path", "/weft.test.Echo/Chat"}}, good + framed("x", 2), "13"},
        {"stream_cut_message", {{":path", "/weft.test.Echo/Sum"}}, good + good.substr(0, 7), "13"},
        {"stream_cut_prefix", {{":path", "/weft.test.Echo/Chat"}}, good.substr(0, 2), "13"},
        {"stream_unparsable", {{":path", "/weft.test.Echo/Sum"}}, good + framed("\xff\xff\xff"), "13"},
        {"stream_two_to_server_stream", {{":path", "/weft.test.Echo/List"}}, good + good, "12"},
        {"user_agent_and_unknown", {{"x-unknown", "1"}, {"user-agent", "curl"}}, good, "0"},
    };
}

class Malformed : public ::testing::TestWithParam<Case> {};

Task<void> one_case(Case test) {
    EchoPair echo;
    co_await echo.start();
    RawClient client;
    co_await client.connect(echo.target);
    RawCall call;
    client.start(call, test.changes, test.body);
    co_await call.wait();
    EXPECT_EQ(call.fields[":status"], test.http_status);
    EXPECT_EQ(call.status(), test.grpc_status) << call.fields["grpc-message"];

    // The connection goes on.
    RawCall after;
    client.start(after, {}, framed(request_of("after").SerializeAsString()));
    co_await after.wait();
    EXPECT_EQ(after.status(), "0");
    co_await client.close();
    co_await echo.close();
}

TEST_P(Malformed, request_has_its_documented_answer) { testing::run(one_case(GetParam())); }

// A client that goes away within a message ends its handler, which waits for the rest.
CO_TEST(CutMessage, never_hangs_a_handler) {
    EchoPair echo;
    co_await echo.start();
    RawClient client;
    co_await client.connect(echo.target);
    const std::string message = framed(request_of("hello").SerializeAsString());
    {
        RawCall call;
        client.start(call, {{":path", "/weft.test.Echo/Sum"}}, message + message.substr(0, 6), false);
        while (echo.server.active_calls() == 0) co_await sleep(std::chrono::milliseconds(1));
    }  // reset
    while (echo.server.active_calls() != 0) co_await sleep(std::chrono::milliseconds(1));
    RawCall second;
    client.start(second, {{":path", "/weft.test.Echo/Sum"}}, message.substr(0, 6), false);
    while (echo.server.active_calls() == 0) co_await sleep(std::chrono::milliseconds(1));
    client.session().abort();  // the connection
    while (echo.server.active_calls() != 0) co_await sleep(std::chrono::milliseconds(1));
    co_await client.close();
    co_await echo.close();
}

INSTANTIATE_TEST_SUITE_P(Requests, Malformed, ::testing::ValuesIn(cases()),
                         [](const auto& case_info) { return case_info.param.name; });

}  // namespace
}  // namespace weft::test
