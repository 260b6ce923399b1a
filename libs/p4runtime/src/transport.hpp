// The six RPCs of P4Runtime as the client needs them; how they travel is behind this.
#pragma once

#include <weft/core/task.hpp>
#include <weft/p4runtime/client_options.hpp>
#include <weft/p4runtime/error.hpp>

#include <chrono>
#include <exception>
#include <memory>
#include <optional>
#include <string>

#include <p4/v1/p4runtime.pb.h>

namespace weft::p4runtime {

// A call ended with another status than OK.
class RpcFailure final : public std::exception {
public:
    RpcFailure(Code code, std::string message, std::string details)
        : code_(code), message_(std::move(message)), details_(std::move(details)) {}

    [[nodiscard]] Code code() const noexcept { return code_; }
    [[nodiscard]] const std::string& message() const noexcept { return message_; }
    // A serialised google.rpc.Status, empty when the server sent none.
    [[nodiscard]] const std::string& details() const noexcept { return details_; }
    [[nodiscard]] const char* what() const noexcept override { return message_.c_str(); }

private:
    Code code_;
    std::string message_;
    std::string details_;
};

// Destroying a call cancels it.
class ReadCall {
public:
    virtual ~ReadCall() = default;
    // nullopt: the end, with OK. Throws RpcFailure.
    virtual Task<std::optional<p4::v1::ReadResponse>> read() = 0;
};

class StreamCall {
public:
    virtual ~StreamCall() = default;
    // One at a time. Throws RpcFailure when the call has ended.
    virtual Task<void> write(p4::v1::StreamMessageRequest message) = 0;
    // nullopt: the server ended the stream with OK. Throws RpcFailure.
    virtual Task<std::optional<p4::v1::StreamMessageResponse>> read() = 0;
    virtual Task<void> close() = 0;
};

class Transport {
public:
    using Duration = std::chrono::nanoseconds;

    virtual ~Transport() = default;
    // Throws RpcFailure (unavailable) when the target cannot be reached in time.
    virtual Task<void> connect(Duration limit) = 0;
    // Calls under way end with RpcFailure (cancelled).
    virtual Task<void> close() = 0;

    virtual Task<p4::v1::WriteResponse> write(p4::v1::WriteRequest request, Duration limit) = 0;
    virtual Task<p4::v1::SetForwardingPipelineConfigResponse> set_pipeline(
        p4::v1::SetForwardingPipelineConfigRequest request, Duration limit) = 0;
    virtual Task<p4::v1::GetForwardingPipelineConfigResponse> get_pipeline(
        p4::v1::GetForwardingPipelineConfigRequest request, Duration limit) = 0;
    virtual Task<p4::v1::CapabilitiesResponse> capabilities(p4::v1::CapabilitiesRequest request,
                                                            Duration limit) = 0;
    virtual std::unique_ptr<ReadCall> read(p4::v1::ReadRequest request, Duration limit) = 0;
    virtual std::unique_ptr<StreamCall> open_stream() = 0;
};

[[nodiscard]] std::shared_ptr<Transport> make_grpc_transport(const ClientOptions& options);

}  // namespace weft::p4runtime
