#include "interop_cases.hpp"

#include "interop_flags.hpp"

#include <weft/core.hpp>

#include <array>
#include <chrono>
#include <cstdio>
#include <utility>

namespace interop {
namespace {

using namespace std::chrono_literals;
using grpc::testing::Empty;
using grpc::testing::SimpleRequest;
using grpc::testing::SimpleResponse;
using grpc::testing::StreamingInputCallRequest;
using grpc::testing::StreamingOutputCallRequest;
using weft::Task;
using weft::grpc::CallOptions;
using weft::grpc::Compression;
using weft::grpc::Metadata;
using weft::grpc::Status;
using weft::grpc::StatusCode;

void check(bool right, const std::string& what) {
    if (!right) throw CaseFailed(what);
}
void check_size(const std::string& what, std::size_t got, int wanted) {
    check(got == static_cast<std::size_t>(wanted),
          what + " has " + std::to_string(got) + " bytes instead of " + std::to_string(wanted));
}
void check_code(const Status& got, StatusCode wanted) {
    check(got.code() == wanted,
          "the status is " + got.to_string() + " instead of " + std::string(to_string(wanted)));
}

SimpleRequest simple_request(int request_size, int response_size) {
    SimpleRequest request;
    request.set_response_size(response_size);
    request.mutable_payload()->set_body(std::string(static_cast<std::size_t>(request_size), '\0'));
    return request;
}
SimpleRequest large() { return simple_request(large_request, large_response); }
void check_large(const SimpleResponse& response) {
    check_size("the response", response.payload().body().size(), large_response);
}

StreamingInputCallRequest input(int size) {
    StreamingInputCallRequest request;
    request.mutable_payload()->set_body(std::string(static_cast<std::size_t>(size), '\0'));
    return request;
}
StreamingOutputCallRequest output(int request_size, int response_size) {
    StreamingOutputCallRequest request;
    request.add_response_parameters()->set_size(response_size);
    request.mutable_payload()->set_body(std::string(static_cast<std::size_t>(request_size), '\0'));
    return request;
}

Metadata echo_metadata() {
    Metadata metadata;
    metadata.add(initial_key, initial_value).add(trailing_key, trailing_value);
    return metadata;
}

}  // namespace

Cases::Cases(Connect connect, SoakOptions soak, int concurrent)
    : connect_(std::move(connect)),
      soak_(soak),
      concurrent_(concurrent),
      channel_(connect_()),
      stub_(channel_) {}

Task<void> Cases::close() { return channel_.close(); }

Task<void> Cases::run(std::string name) {
    if (name == "empty_unary") return empty_unary();
    if (name == "large_unary") return large_unary();
    if (name == "client_compressed_unary") return client_compressed_unary();
    if (name == "server_compressed_unary") return server_compressed_unary();
    if (name == "client_streaming") return client_streaming();
    if (name == "client_compressed_streaming") return client_compressed_streaming();
    if (name == "server_streaming") return server_streaming();
    if (name == "server_compressed_streaming") return server_compressed_streaming();
    if (name == "ping_pong") return ping_pong();
    if (name == "empty_stream") return empty_stream();
    if (name == "custom_metadata") return custom_metadata();
    if (name == "status_code_and_message") return status_code_and_message();
    if (name == "special_status_message") return special_status_message();
    if (name == "unimplemented_method") return unimplemented_method();
    if (name == "unimplemented_service") return unimplemented_service();
    if (name == "cancel_after_begin") return cancel_after_begin();
    if (name == "cancel_after_first_response") return cancel_after_first_response();
    if (name == "timeout_on_sleeping_server") return timeout_on_sleeping_server();
    if (name == "concurrent_large_unary") return concurrent_large_unary();
    if (name == "pick_first_unary") return pick_first_unary();
    if (name == "rpc_soak") return rpc_soak();
    if (name == "channel_soak") return channel_soak();
    if (name == "long_lived_channel") return long_lived_channel();
    throw std::invalid_argument("--test_case=" + name + ": there is no such case");
}

Task<void> Cases::empty_unary() {
    const Empty response = co_await stub_.EmptyCall(Empty());
    check_size("the response", response.ByteSizeLong(), 0);
}

Task<void> Cases::large_unary() {
    const SimpleResponse response = co_await stub_.UnaryCall(large());
    check_large(response);
}

Task<void> Cases::client_compressed_unary() {
    SimpleRequest request = large();
    request.mutable_expect_compressed()->set_value(true);
    auto probe = stub_.UnaryCall(request);
    const Status& status = co_await probe.status();
    check_code(status, StatusCode::invalid_argument);
    const SimpleResponse first =
        co_await stub_.UnaryCall(request, CallOptions().compression(Compression::gzip));
    check_large(first);
    request.mutable_expect_compressed()->set_value(false);
    const SimpleResponse second = co_await stub_.UnaryCall(request);
    check_large(second);
}

Task<void> Cases::server_compressed_unary() {
    for (const bool compressed : {true, false}) {
        SimpleRequest request = large();
        request.mutable_response_compressed()->set_value(compressed);
        auto call = stub_.UnaryCall(request);
        const SimpleResponse response = co_await call;
        check_large(response);
        check(call.last_response_compressed() == compressed,
              compressed ? "the response is not compressed" : "the response is compressed");
    }
}

Task<void> Cases::client_streaming() {
    auto call = stub_.StreamingInputCall();
    for (const int size : request_sizes) {
        const auto request = input(size);
        co_await call.write(request);
    }
    call.done_writing();
    const auto response = co_await call;
    check(response.aggregated_payload_size() == 74922,
          "the sum is " + std::to_string(response.aggregated_payload_size()));
}

Task<void> Cases::client_compressed_streaming() {
    auto first = input(27182);
    first.mutable_expect_compressed()->set_value(true);
    {
        auto probe = stub_.StreamingInputCall();
        co_await probe.write(first);
        probe.done_writing();
        const Status& status = co_await probe.status();
        check_code(status, StatusCode::invalid_argument);
    }
    auto call = stub_.StreamingInputCall(CallOptions().compression(Compression::gzip));
    co_await call.write(first);
    auto second = input(45904);
    second.mutable_expect_compressed()->set_value(false);
    call.disable_next_message_compression();
    co_await call.write(second);
    call.done_writing();
    const auto response = co_await call;
    check(response.aggregated_payload_size() == 73086,
          "the sum is " + std::to_string(response.aggregated_payload_size()));
}

Task<void> Cases::server_streaming() {
    StreamingOutputCallRequest request;
    for (const int size : response_sizes) request.add_response_parameters()->set_size(size);
    auto call = stub_.StreamingOutputCall(request);
    for (const int size : response_sizes) {
        auto response = co_await call.read();
        check(response.has_value(), "a response is missing");
        check_size("a response", response->payload().body().size(), size);
    }
    const auto end = co_await call.read();
    check(!end.has_value(), "there is a fifth response");
}

Task<void> Cases::server_compressed_streaming() {
    const std::array<std::pair<int, bool>, 2> wanted{{{31415, true}, {92653, false}}};
    StreamingOutputCallRequest request;
    for (const auto& [size, compressed] : wanted) {
        auto& parameters = *request.add_response_parameters();
        parameters.set_size(size);
        parameters.mutable_compressed()->set_value(compressed);
    }
    auto call = stub_.StreamingOutputCall(request);
    for (const auto& [size, compressed] : wanted) {
        auto response = co_await call.read();
        check(response.has_value(), "a response is missing");
        check_size("a response", response->payload().body().size(), size);
        check(call.last_response_compressed() == compressed,
              "the response of " + std::to_string(size) + (compressed ? " is not" : " is") + " compressed");
    }
    const auto end = co_await call.read();
    check(!end.has_value(), "there is a third response");
}

Task<void> Cases::ping_pong() {
    auto call = stub_.FullDuplexCall();
    for (std::size_t i = 0; i < std::size(request_sizes); ++i) {
        const auto request = output(request_sizes[i], response_sizes[i]);
        co_await call.write(request);
        auto response = co_await call.read();
        check(response.has_value(), "a response is missing");
        check_size("a response", response->payload().body().size(), response_sizes[i]);
    }
    call.done_writing();
    const auto end = co_await call.read();
    check(!end.has_value(), "there is a fifth response");
}

Task<void> Cases::empty_stream() {
    auto call = stub_.FullDuplexCall();
    call.done_writing();
    const auto end = co_await call.read();
    check(!end.has_value(), "there is a response");
    const StatusCode code = co_await call.code();
    check(code == StatusCode::ok, "the status is not OK");
}

Task<void> Cases::custom_metadata() {
    auto unary = stub_.UnaryCall(large(), CallOptions().metadata(echo_metadata()));
    const SimpleResponse response = co_await unary;
    check_large(response);
    const Metadata& unary_initial = co_await unary.initial_metadata();
    check(unary_initial.get(initial_key) == initial_value, "unary: the initial metadata did not come back");
    const Metadata& unary_trailing = co_await unary.trailing_metadata();
    check(unary_trailing.get(trailing_key) == trailing_value,
          "unary: the trailing metadata did not come back");

    auto duplex = stub_.FullDuplexCall(CallOptions().metadata(echo_metadata()));
    const auto request = output(large_request, large_response);
    co_await duplex.write(request);
    duplex.done_writing();
    const auto first = co_await duplex.read();
    check(first.has_value(), "the response is missing");
    const auto end = co_await duplex.read();
    check(!end.has_value(), "there is a second response");
    const Metadata& initial = co_await duplex.initial_metadata();
    check(initial.get(initial_key) == initial_value, "full duplex: the initial metadata did not come back");
    const Metadata& trailing = co_await duplex.trailing_metadata();
    check(trailing.get(trailing_key) == trailing_value,
          "full duplex: the trailing metadata did not come back");
}

Task<void> Cases::status_code_and_message() {
    SimpleRequest simple;
    simple.mutable_response_status()->set_code(2);
    simple.mutable_response_status()->set_message(plain_status);
    auto unary = stub_.UnaryCall(simple);
    const Status& status = co_await unary.status();
    check_code(status, StatusCode::unknown);
    check(status.details() == plain_status, "unary: the text is '" + status.details() + "'");

    StreamingOutputCallRequest request;
    *request.mutable_response_status() = simple.response_status();
    auto duplex = stub_.FullDuplexCall();
    co_await duplex.write(request);
    duplex.done_writing();
    const Status& end = co_await duplex.status();
    check_code(end, StatusCode::unknown);
    check(end.details() == plain_status, "full duplex: the text is '" + end.details() + "'");
}

Task<void> Cases::special_status_message() {
    SimpleRequest request;
    request.mutable_response_status()->set_code(2);
    request.mutable_response_status()->set_message(special_status);
    auto call = stub_.UnaryCall(request);
    const Status& status = co_await call.status();
    check_code(status, StatusCode::unknown);
    check(status.details() == special_status, "the text is '" + status.details() + "'");
}

Task<void> Cases::unimplemented_method() {
    auto call = stub_.UnimplementedCall(Empty());
    const Status& status = co_await call.status();
    check_code(status, StatusCode::unimplemented);
}

Task<void> Cases::unimplemented_service() {
    grpc::testing::UnimplementedService::Stub stub(channel_);
    auto call = stub.UnimplementedCall(Empty());
    const Status& status = co_await call.status();
    check_code(status, StatusCode::unimplemented);
}

Task<void> Cases::cancel_after_begin() {
    auto call = stub_.StreamingInputCall();
    check(call.cancel(), "the call had ended before it was cancelled");
    const Status& status = co_await call.status();
    check_code(status, StatusCode::cancelled);
}

Task<void> Cases::cancel_after_first_response() {
    auto call = stub_.FullDuplexCall();
    const auto request = output(27182, 31415);
    co_await call.write(request);
    const auto response = co_await call.read();
    check(response.has_value(), "the response is missing");
    call.cancel();
    const Status& status = co_await call.status();
    check_code(status, StatusCode::cancelled);
}

Task<void> Cases::timeout_on_sleeping_server() {
    auto call = stub_.FullDuplexCall(CallOptions().timeout(1ms));
    const auto request = output(27182, 31415);
    try {
        co_await call.write(request);
    } catch (const weft::grpc::RpcError&) {
        // The deadline was there first: the status says so.
    }
    const Status& status = co_await call.status();
    check_code(status, StatusCode::deadline_exceeded);
}

Task<void> Cases::concurrent_large_unary() {
    std::vector<weft::grpc::UnaryUnaryCall<SimpleResponse>> calls;
    for (int i = 0; i < concurrent_; ++i) calls.push_back(stub_.UnaryCall(large()));
    for (auto& call : calls) {
        const SimpleResponse response = co_await call;
        check_large(response);
    }
}

Task<void> Cases::pick_first_unary() {
    std::string id;
    for (int i = 0; i < 100; ++i) {
        SimpleRequest request;
        request.set_response_size(1);
        request.mutable_payload()->set_body(std::string(1, '\0'));
        request.set_fill_server_id(true);
        const SimpleResponse response = co_await stub_.UnaryCall(request);
        check(!response.server_id().empty(), "the server did not say who it is");
        if (id.empty()) id = response.server_id();
        check(response.server_id() == id, "two servers answered: " + id + " and " + response.server_id());
    }
}

Task<void> Cases::rpc_soak() { return soak(false); }
Task<void> Cases::channel_soak() { return soak(true); }

Task<void> Cases::soak(bool new_channels) {
    const auto begin = weft::Clock::now();
    int failures = 0;
    std::string last;
    for (int i = 0; i < soak_.iterations; ++i) {
        const auto start = weft::Clock::now();
        check(start - begin < std::chrono::seconds(soak_.overall_timeout_seconds),
              "only " + std::to_string(i) + " calls were done in time");
        weft::grpc::Channel channel = connect_();
        grpc::testing::TestService::Stub own(channel);
        auto call =
            (new_channels ? own : stub_).UnaryCall(simple_request(soak_.request_size, soak_.response_size));
        const Status& status = co_await call.status();
        const auto took = weft::Clock::now() - start;
        if (!status.ok()) {
            ++failures;
            last = status.to_string();
        } else if (took > std::chrono::milliseconds(soak_.max_latency_ms)) {
            ++failures;
            last = "a call took " +
                   std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(took).count()) +
                   " ms";
        }
        co_await channel.close();
        if (soak_.min_ms_between > 0)
            co_await weft::sleep(std::chrono::milliseconds(soak_.min_ms_between) - took);
    }
    check(failures <= soak_.max_failures, std::to_string(failures) + " calls failed; the last: " + last);
}

Task<void> Cases::long_lived_channel() {
    co_await large_unary();
    co_await weft::sleep(1s);
    co_await large_unary();
}

}  // namespace interop
