// What the server answers to requests that break gRPC: the protocol documents' answers, and never the
// connection.
#include "echo_service.hpp"

#include <weft/core/connect.hpp>
#include <weft/http2/session.hpp>
#include <weft/testing/co_test.hpp>

#include <gtest/gtest.h>

#include <map>

namespace weft::test {
namespace {

class RawCall final : public http2::Exchange {
public:
    std::map<std::string, std::string> fields;
    bool ended = false;
    bool reset = false;
    Event changed;

    void on_headers(http2::HeaderBlock block, bool, bool) noexcept override {
        for (const auto& field : block) fields.emplace(field.name, field.value);
    }
    void on_data(std::span<const std::byte> bytes) noexcept override { release_window(bytes.size()); }
    void on_remote_end() noexcept override {
        ended = true;
        changed.set();
    }
    void on_closed(const http2::CloseReason&) noexcept override {
        reset = !ended;
        ended = true;
        changed.set();
    }
    void send(std::string_view bytes) {
        output().append(bytes);
        end_output();
    }
    Task<void> wait() {
        while (!ended) {
            changed.clear();
            co_await changed.wait();
        }
    }
    std::string status() { return reset ? "reset" : fields["grpc-status"]; }
};

class ClientSide final : public http2::SessionHandler {};

using Headers = std::map<std::string, std::string>;

struct Case {
    std::string name;
    Headers changes;  // an empty value leaves the header out
    std::string body;
    std::string grpc_status;
    std::string http_status = "200";
};

std::string framed(std::string payload, char flag = 0) {
    std::string out(1, flag);
    for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(payload.size() >> shift);
    return out + payload;
}

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
        {"user_agent_and_unknown", {{"x-unknown", "1"}, {"user-agent", "curl"}}, good, "0"},
    };
}

class Malformed : public ::testing::TestWithParam<Case> {};

Task<void> one_case(Case test) {
    EchoPair echo;
    co_await echo.start();
    ClientSide side;
    auto stream = co_await connect(SocketAddress::parse(echo.target));
    http2::Session session(std::move(stream), http2::Role::client, side);
    auto running = spawn(session.run());

    Headers headers{{":method", "POST"}, {":scheme", "http"}, {":path", "/weft.test.Echo/Say"},
                    {":authority", "x"}, {"te", "trailers"},  {"content-type", "application/grpc"}};
    for (const auto& [name, value] : test.changes) headers[name] = value;
    std::vector<http2::HeaderField> fields;
    for (const auto& [name, value] : headers)
        if (!value.empty()) fields.push_back({name, value});
    RawCall call;
    session.start(call, fields, true);
    call.send(test.body);
    co_await call.wait();
    EXPECT_EQ(call.fields[":status"], test.http_status);
    EXPECT_EQ(call.status(), test.grpc_status) << call.fields["grpc-message"];

    // The connection goes on.
    for (const auto& [name, value] : test.changes) headers.erase(name);
    headers = {{":method", "POST"}, {":scheme", "http"}, {":path", "/weft.test.Echo/Say"},
               {":authority", "x"}, {"te", "trailers"},  {"content-type", "application/grpc"}};
    fields.clear();
    for (const auto& [name, value] : headers) fields.push_back({name, value});
    RawCall after;
    session.start(after, fields, true);
    after.send(framed(request_of("after").SerializeAsString()));
    co_await after.wait();
    EXPECT_EQ(after.status(), "0");
    session.shut_down();
    co_await running;
    co_await echo.close();
}

TEST_P(Malformed, request_has_its_documented_answer) { testing::run(one_case(GetParam())); }

INSTANTIATE_TEST_SUITE_P(Requests, Malformed, ::testing::ValuesIn(cases()),
                         [](const auto& case_info) { return case_info.param.name; });

}  // namespace
}  // namespace weft::test
