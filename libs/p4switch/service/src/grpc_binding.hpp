// The methods of p4.v1.P4Runtime as a grpc::Service.
#pragma once

#include "service_core.hpp"

#include <weft/grpc/server_context.hpp>
#include <weft/grpc/server_stream.hpp>
#include <weft/grpc/service.hpp>

#include <memory>

namespace weft::p4switch {

class GrpcBinding final : public grpc::Service {
public:
    explicit GrpcBinding(std::shared_ptr<ServiceCore> core);

private:
    Task<p4::v1::WriteResponse> write(grpc::ServerContext& context, p4::v1::WriteRequest request);
    Task<void> read(grpc::ServerContext& context, p4::v1::ReadRequest request,
                    grpc::ServerWriter<p4::v1::ReadResponse>& writer);
    Task<p4::v1::SetForwardingPipelineConfigResponse> set_pipeline(
        grpc::ServerContext& context, p4::v1::SetForwardingPipelineConfigRequest request);
    Task<p4::v1::GetForwardingPipelineConfigResponse> get_pipeline(
        grpc::ServerContext& context, p4::v1::GetForwardingPipelineConfigRequest request);
    Task<void> stream_channel(
        grpc::ServerContext& context,
        grpc::ServerReaderWriter<p4::v1::StreamMessageRequest, p4::v1::StreamMessageResponse>& stream);
    Task<p4::v1::CapabilitiesResponse> capabilities(grpc::ServerContext& context,
                                                    p4::v1::CapabilitiesRequest request);

    std::shared_ptr<ServiceCore> core_;
};

}  // namespace weft::p4switch
