// The public face of the service.
#include "grpc_binding.hpp"
#include "service_core.hpp"

#include <weft/p4switch/error.hpp>
#include <weft/p4switch/service/p4runtime_service.hpp>

#include <google/protobuf/io/tokenizer.h>
#include <google/protobuf/text_format.h>

namespace weft::p4switch {

P4RuntimeService::P4RuntimeService(SwitchDevice& device, ServiceOptions options)
    : core_(std::make_shared<ServiceCore>(device, std::move(options))),
      binding_(std::make_unique<GrpcBinding>(core_)) {}

P4RuntimeService::~P4RuntimeService() { core_->shut_down(); }

ServiceStatistics P4RuntimeService::statistics() const noexcept { return core_->service_statistics(); }

void P4RuntimeService::install(const std::string& p4info, const std::string& device_config) {
    p4::v1::ForwardingPipelineConfig config;
    google::protobuf::TextFormat::Parser parser;
    parser.SetRecursionLimit(100);
    class Silent final : public google::protobuf::io::ErrorCollector {
        void AddError(int, google::protobuf::io::ColumnNumber, const std::string&) override {}
    } silent;
    parser.RecordErrorsTo(&silent);
    if (!config.mutable_p4info()->ParseFromString(p4info) &&
        !parser.ParseFromString(p4info, config.mutable_p4info()))
        throw InvalidError("install a pipeline: this is no P4Info, neither text nor binary");
    config.set_p4_device_config(device_config);
    try {
        core_->install(config);
    } catch (const Refusal& refusal) {
        throw InvalidError("install a pipeline: " + refusal.message());
    }
}

}  // namespace weft::p4switch
