// The transport over weft::grpc: one channel, one call per request.
#include "client_state.hpp"
#include "transport.hpp"

#include <weft/core/timeout.hpp>
#include <weft/grpc/channel.hpp>
#include <weft/grpc/protobuf.hpp>

#include <utility>

namespace weft::p4runtime {

namespace {

// A switch may answer a read of a large table in one message (BMv2's server does).
constexpr std::size_t largest_answer = std::size_t{256} << 20;

constexpr const char* write_method = "/p4.v1.P4Runtime/Write";
constexpr const char* read_method = "/p4.v1.P4Runtime/Read";
constexpr const char* set_method = "/p4.v1.P4Runtime/SetForwardingPipelineConfig";
constexpr const char* get_method = "/p4.v1.P4Runtime/GetForwardingPipelineConfig";
constexpr const char* stream_method = "/p4.v1.P4Runtime/StreamChannel";
constexpr const char* capabilities_method = "/p4.v1.P4Runtime/Capabilities";

RpcFailure to_failure(const grpc::RpcError& error) {
    return RpcFailure(static_cast<Code>(error.code()), error.details(), error.details_bin());
}

class GrpcReadCall final : public ReadCall {
public:
    explicit GrpcReadCall(grpc::UnaryStreamCall<p4::v1::ReadResponse> call) : call_(std::move(call)) {}

    Task<std::optional<p4::v1::ReadResponse>> read() override {
        try {
            std::optional<p4::v1::ReadResponse> answer = co_await call_.read();
            co_return answer;
        } catch (const grpc::RpcError& error) {
            throw to_failure(error);
        }
    }

private:
    grpc::UnaryStreamCall<p4::v1::ReadResponse> call_;
};

class GrpcStreamCall final : public StreamCall {
public:
    using Call = grpc::StreamStreamCall<p4::v1::StreamMessageRequest, p4::v1::StreamMessageResponse>;
    explicit GrpcStreamCall(Call call) : call_(std::move(call)) {}

    Task<void> write(p4::v1::StreamMessageRequest message) override {
        try {
            co_await call_.write(message);
        } catch (const grpc::RpcError& error) {
            throw to_failure(error);
        }
    }

    Task<std::optional<p4::v1::StreamMessageResponse>> read() override {
        try {
            std::optional<p4::v1::StreamMessageResponse> message = co_await call_.read();
            co_return message;
        } catch (const grpc::RpcError& error) {
            throw to_failure(error);
        }
    }

    Task<void> close() override {
        call_.done_writing();
        co_return;
    }

private:
    Call call_;
};

class GrpcTransport final : public Transport {
public:
    explicit GrpcTransport(const ClientOptions& options)
        : channel_(grpc::insecure_channel(options.target, grpc::ChannelOptions()
                                                              .max_receive_message_length(largest_answer)
                                                              .connect_timeout(options.connect_timeout))) {}

    Task<void> connect(Duration limit) override {
        try {
            co_await weft::timeout(limit, channel_.channel_ready());
        } catch (const TimeoutError&) {
            throw RpcFailure(Code::unavailable, channel_.last_connect_error(), "");
        } catch (const ClosedError& error) {
            throw RpcFailure(Code::cancelled, error.what(), "");
        }
    }

    Task<void> close() override { co_await channel_.close(); }

    Task<p4::v1::WriteResponse> write(p4::v1::WriteRequest request, Duration limit) override {
        return unary<p4::v1::WriteRequest, p4::v1::WriteResponse>(write_method, std::move(request), limit);
    }
    Task<p4::v1::SetForwardingPipelineConfigResponse> set_pipeline(
        p4::v1::SetForwardingPipelineConfigRequest request, Duration limit) override {
        return unary<p4::v1::SetForwardingPipelineConfigRequest, p4::v1::SetForwardingPipelineConfigResponse>(
            set_method, std::move(request), limit);
    }
    Task<p4::v1::GetForwardingPipelineConfigResponse> get_pipeline(
        p4::v1::GetForwardingPipelineConfigRequest request, Duration limit) override {
        return unary<p4::v1::GetForwardingPipelineConfigRequest, p4::v1::GetForwardingPipelineConfigResponse>(
            get_method, std::move(request), limit);
    }
    Task<p4::v1::CapabilitiesResponse> capabilities(p4::v1::CapabilitiesRequest request,
                                                    Duration limit) override {
        return unary<p4::v1::CapabilitiesRequest, p4::v1::CapabilitiesResponse>(capabilities_method,
                                                                                std::move(request), limit);
    }

    std::unique_ptr<ReadCall> read(p4::v1::ReadRequest request, Duration limit) override {
        const auto method = channel_.unary_stream<p4::v1::ReadRequest, p4::v1::ReadResponse>(read_method);
        return std::make_unique<GrpcReadCall>(method(request, grpc::CallOptions().timeout(limit)));
    }

    std::unique_ptr<StreamCall> open_stream() override {
        const auto method =
            channel_.stream_stream<p4::v1::StreamMessageRequest, p4::v1::StreamMessageResponse>(
                stream_method);
        return std::make_unique<GrpcStreamCall>(method());
    }

private:
    template <class Request, class Response>
    Task<Response> unary(const char* path, Request request, Duration limit) {
        const auto method = channel_.unary_unary<Request, Response>(path);
        auto call = method(request, grpc::CallOptions().timeout(limit));
        try {
            Response response = co_await std::move(call);
            co_return response;
        } catch (const grpc::RpcError& error) {
            throw to_failure(error);
        }
    }

    grpc::Channel channel_;
};

}  // namespace

std::shared_ptr<Transport> make_grpc_transport(const ClientOptions& options) {
    return std::make_shared<GrpcTransport>(options);
}

// Here, so that a program which brings its own transport does not link gRPC.
Client::Client(ClientOptions options)
    : state_(std::make_shared<ClientState>(std::move(options), make_grpc_transport)) {}

}  // namespace weft::p4runtime
