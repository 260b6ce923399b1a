// The official interop cases, as weft's client does them
// (https://github.com/grpc/grpc/blob/master/doc/interop-test-descriptions.md).
#pragma once

#include "grpc/testing/test.weft.hpp"

#include <weft/core/task.hpp>
#include <weft/grpc/channel.hpp>

#include <functional>
#include <stdexcept>
#include <string>

namespace interop {

// A case found something else than it has to.
class CaseFailed : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

class SoakOptions {
public:
    SoakOptions() {}
    int iterations = 10;
    int max_failures = 0;
    int max_latency_ms = 1000;
    int overall_timeout_seconds = 10;
    int min_ms_between = 0;
    int request_size = 271828;
    int response_size = 314159;
};

class Cases {
public:
    using Connect = std::function<weft::grpc::Channel()>;
    // `connect` makes a channel with the flags' target, credentials and metadata.
    // `concurrent`: the calls of concurrent_large_unary.
    Cases(Connect connect, SoakOptions soak, int concurrent);

    // Throws CaseFailed, or what the case's calls threw; std::invalid_argument for an unknown name.
    [[nodiscard]] weft::Task<void> run(std::string name);
    [[nodiscard]] weft::Task<void> close();

private:
    weft::Task<void> empty_unary();
    weft::Task<void> large_unary();
    weft::Task<void> client_compressed_unary();
    weft::Task<void> server_compressed_unary();
    weft::Task<void> client_streaming();
    weft::Task<void> client_compressed_streaming();
    weft::Task<void> server_streaming();
    weft::Task<void> server_compressed_streaming();
    weft::Task<void> ping_pong();
    weft::Task<void> empty_stream();
    weft::Task<void> custom_metadata();
    weft::Task<void> status_code_and_message();
    weft::Task<void> special_status_message();
    weft::Task<void> unimplemented_method();
    weft::Task<void> unimplemented_service();
    weft::Task<void> cancel_after_begin();
    weft::Task<void> cancel_after_first_response();
    weft::Task<void> timeout_on_sleeping_server();
    weft::Task<void> concurrent_large_unary();
    weft::Task<void> pick_first_unary();
    weft::Task<void> rpc_soak();
    weft::Task<void> channel_soak();
    weft::Task<void> long_lived_channel();
    weft::Task<void> soak(bool new_channels);

    Connect connect_;
    SoakOptions soak_;
    int concurrent_;
    weft::grpc::Channel channel_;
    grpc::testing::TestService::Stub stub_;
};

}  // namespace interop
