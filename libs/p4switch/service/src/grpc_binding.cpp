// The service over weft::grpc.
#include "grpc_binding.hpp"

#include <weft/core/task_group.hpp>
#include <weft/grpc/protobuf.hpp>
#include <weft/grpc/status.hpp>

#include <utility>

namespace weft::p4switch {

namespace {

void throw_unless_ok(RequestStatus status) {
    if (status.ok()) return;
    throw grpc::RpcError(static_cast<grpc::StatusCode>(status.code), std::move(status.message),
                         std::move(status.details));
}

}  // namespace

GrpcBinding::GrpcBinding(std::shared_ptr<ServiceCore> core) : core_(std::move(core)) {
    add_unary_unary("/p4.v1.P4Runtime/Write", &GrpcBinding::write);
    add_unary_stream("/p4.v1.P4Runtime/Read", &GrpcBinding::read);
    add_unary_unary("/p4.v1.P4Runtime/SetForwardingPipelineConfig", &GrpcBinding::set_pipeline);
    add_unary_unary("/p4.v1.P4Runtime/GetForwardingPipelineConfig", &GrpcBinding::get_pipeline);
    add_stream_stream("/p4.v1.P4Runtime/StreamChannel", &GrpcBinding::stream_channel);
    add_unary_unary("/p4.v1.P4Runtime/Capabilities", &GrpcBinding::capabilities);
}

Task<p4::v1::WriteResponse> GrpcBinding::write(grpc::ServerContext&, p4::v1::WriteRequest request) {
    throw_unless_ok(core_->write(request));
    co_return p4::v1::WriteResponse();
}

Task<void> GrpcBinding::read(grpc::ServerContext&, p4::v1::ReadRequest request,
                             grpc::ServerWriter<p4::v1::ReadResponse>& writer) {
    std::vector<p4::v1::ReadResponse> answers;
    const auto keep = [&answers](p4::v1::ReadResponse&& answer) { answers.push_back(std::move(answer)); };
    throw_unless_ok(core_->read(request, keep));
    for (const auto& answer : answers) co_await writer.write(answer);
}

Task<p4::v1::SetForwardingPipelineConfigResponse> GrpcBinding::set_pipeline(
    grpc::ServerContext&, p4::v1::SetForwardingPipelineConfigRequest request) {
    throw_unless_ok(core_->set_pipeline(request));
    co_return p4::v1::SetForwardingPipelineConfigResponse();
}

Task<p4::v1::GetForwardingPipelineConfigResponse> GrpcBinding::get_pipeline(
    grpc::ServerContext&, p4::v1::GetForwardingPipelineConfigRequest request) {
    p4::v1::GetForwardingPipelineConfigResponse answer;
    throw_unless_ok(core_->get_pipeline(request, answer));
    co_return answer;
}

Task<p4::v1::CapabilitiesResponse> GrpcBinding::capabilities(grpc::ServerContext&,
                                                             p4::v1::CapabilitiesRequest request) {
    p4::v1::CapabilitiesResponse answer;
    throw_unless_ok(core_->capabilities(request, answer));
    co_return answer;
}

namespace {

using Stream = grpc::ServerReaderWriter<p4::v1::StreamMessageRequest, p4::v1::StreamMessageResponse>;

// One client's stream in the core; leaves it on every path, also when the handler is cancelled.
class OpenStream {
public:
    explicit OpenStream(std::shared_ptr<ServiceCore> core)
        : outbox(std::make_shared<ServiceCore::Outbox>(core->options().stream_queue)),
          core_(std::move(core)),
          id_(core_->open_stream(outbox)) {}
    OpenStream(const OpenStream&) = delete;
    OpenStream& operator=(const OpenStream&) = delete;
    ~OpenStream() { close(); }

    [[nodiscard]] std::optional<RequestStatus> receive(const p4::v1::StreamMessageRequest& message) {
        return core_->receive(id_, message);
    }
    void close() {
        ended = true;
        core_->close_stream(id_);
    }

    const std::shared_ptr<ServiceCore::Outbox> outbox;
    bool ended =
        false;  // by the client or by a status; otherwise a closed outbox means that the service is gone

private:
    std::shared_ptr<ServiceCore> core_;
    std::uint64_t id_;
};

Task<void> write_outbox(OpenStream& open, Stream& stream) {
    for (;;) {
        std::optional<p4::v1::StreamMessageResponse> message = co_await open.outbox->next();
        if (!message) break;
        co_await stream.write(*message);
    }
    if (!open.ended) throw grpc::RpcError(grpc::StatusCode::unavailable, "the switch is shutting down");
}

}  // namespace

Task<void> GrpcBinding::stream_channel(grpc::ServerContext&, Stream& stream) {
    OpenStream open(core_);
    RequestStatus end;
    const auto body = [&](TaskGroup& group) -> Task<void> {
        group.spawn(write_outbox(open, stream), "p4runtime outbox");
        for (;;) {
            std::optional<p4::v1::StreamMessageRequest> message = co_await stream.read();
            if (!message) break;
            std::optional<RequestStatus> refused = open.receive(*message);
            if (!refused) continue;
            end = std::move(*refused);
            break;
        }
        open.close();
    };
    co_await with_task_group(body);
    throw_unless_ok(std::move(end));
}

}  // namespace weft::p4switch
