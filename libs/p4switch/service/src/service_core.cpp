// Requests: writes, reads, pipelines.
#include "service_core.hpp"

#include "packet_header.hpp"

#include <weft/core/loop.hpp>

#include <google/rpc/status.pb.h>

#include <algorithm>

namespace weft::p4switch {

namespace {

// Entities in one message of a read's answer: far below gRPC's usual limit of 4 MiB.
constexpr int entities_per_answer = 500;

// How often entries are checked for idleness; the notification is that much late at most.
constexpr std::chrono::milliseconds idle_sweep{100};

p4::v1::Error to_error(google::rpc::Code code, const std::string& message) {
    p4::v1::Error error;
    error.set_canonical_code(code);
    error.set_message(message);
    return error;
}

template <class Request>
std::optional<Arbitration::Id> election_id(const Request& request) {
    if (!request.has_election_id()) return std::nullopt;
    return Arbitration::Id{request.election_id().high(), request.election_id().low()};
}

}  // namespace

ServiceCore::ServiceCore(SwitchDevice& device, ServiceOptions options)
    : device_(&device),
      options_(std::move(options)),
      arbitration_(options_.device_id, options_.max_streams),
      digest_sender_([this](p4::v1::DigestList&& list) {
          p4::v1::StreamMessageResponse message;
          *message.mutable_digest() = std::move(list);
          send_to_primaries(message);
      }) {
    device_->attach(options_.cpu_port, *this);
}

ServiceCore::~ServiceCore() { shut_down(); }

void ServiceCore::shut_down() noexcept {
    if (!device_) return;
    disarm();
    digest_sender_.reset();
    if (device_->port(options_.cpu_port) == this) device_->detach(options_.cpu_port);
    if (Switch* pipeline = device_->pipeline()) pipeline->on_digest({});
    device_ = nullptr;
    for (auto& [stream, outbox] : outboxes_) outbox->close();
    outboxes_.clear();
}

void ServiceCore::require_device(std::uint64_t device_id) const {
    if (!device_) throw Refusal(google::rpc::UNAVAILABLE, "the switch is shutting down");
    if (device_id != options_.device_id)
        throw Refusal(google::rpc::NOT_FOUND, "there is no device " + std::to_string(device_id) +
                                                  "; this is " + std::to_string(options_.device_id));
}

template <class Request>
void ServiceCore::require_primary(const Request& request) const {
    if (!arbitration_.is_primary(request.role(), election_id(request)))
        throw Refusal(google::rpc::PERMISSION_DENIED, "only the primary client may write");
}

// The saved pipeline takes the writes until it is committed (specification, VERIFY_AND_SAVE).
Target ServiceCore::target() {
    if (saved_) return Target{*saved_->map, *saved_->saved, saved_digests_};
    if (!committed_ || !device_->pipeline())
        throw Refusal(google::rpc::FAILED_PRECONDITION, "the switch has no pipeline yet");
    return Target{*committed_->map, *device_->pipeline(), digests_};
}

RequestStatus ServiceCore::write(const p4::v1::WriteRequest& request) {
    try {
        require_device(request.device_id());
        require_primary(request);
        if (request.atomicity() != p4::v1::WriteRequest::CONTINUE_ON_ERROR)
            throw Refusal(google::rpc::UNIMPLEMENTED, "only CONTINUE_ON_ERROR is supported");
        const Target own = target();
        own.pipeline.set_time(device_->now());
        google::rpc::Status details;
        std::size_t failed = 0;
        for (const auto& update : request.updates()) {
            p4::v1::Error error;
            try {
                apply(own, update);
            } catch (...) {
                const Refusal refusal = current_refusal();
                error = to_error(refusal.code(), refusal.message());
                ++failed;
            }
            details.add_details()->PackFrom(error);
        }
        if (failed == 0) return {};
        details.set_code(google::rpc::UNKNOWN);
        details.set_message(std::to_string(failed) + " of " + std::to_string(request.updates_size()) +
                            " updates failed");
        return RequestStatus{google::rpc::UNKNOWN, details.message(), details.SerializeAsString()};
    } catch (const Refusal& refusal) {
        return refusal.status();
    }
}

RequestStatus ServiceCore::read(const p4::v1::ReadRequest& request,
                                const std::function<void(p4::v1::ReadResponse&&)>& emit) {
    try {
        require_device(request.device_id());
        const Target own = target();
        own.pipeline.set_time(device_->now());
        std::vector<p4::v1::ReadResponse> answers;
        google::rpc::Status details;
        std::size_t failed = 0;
        for (const auto& filter : request.entities()) {
            p4::v1::Error error;
            try {
                p4switch::read(own, filter, [&](p4::v1::Entity&& entity) {
                    if (answers.empty() || answers.back().entities_size() >= entities_per_answer)
                        answers.emplace_back();
                    *answers.back().add_entities() = std::move(entity);
                });
            } catch (...) {
                const Refusal refusal = current_refusal();
                error = to_error(refusal.code(), refusal.message());
                ++failed;
            }
            details.add_details()->PackFrom(error);
        }
        if (failed > 0) {
            details.set_code(google::rpc::UNKNOWN);
            details.set_message(std::to_string(failed) + " of " + std::to_string(request.entities_size()) +
                                " reads failed");
            return RequestStatus{google::rpc::UNKNOWN, details.message(), details.SerializeAsString()};
        }
        for (auto& answer : answers) emit(std::move(answer));
        return {};
    } catch (const Refusal& refusal) {
        return refusal.status();
    }
}

RequestStatus ServiceCore::set_pipeline(const p4::v1::SetForwardingPipelineConfigRequest& request) {
    using Request = p4::v1::SetForwardingPipelineConfigRequest;
    try {
        require_device(request.device_id());
        require_primary(request);
        switch (request.action()) {
            case Request::VERIFY:
                (void)build_pipeline(request.config());
                return {};
            case Request::VERIFY_AND_SAVE:
                saved_ = build_pipeline(request.config());
                saved_digests_.clear();
                return {};
            case Request::VERIFY_AND_COMMIT: {
                Pipeline pipeline = build_pipeline(request.config());
                digests_.clear();
                commit(std::move(pipeline));
                return {};
            }
            case Request::COMMIT: {
                if (request.has_config())
                    throw Refusal(google::rpc::INVALID_ARGUMENT, "COMMIT takes no config");
                if (!saved_) throw Refusal(google::rpc::NOT_FOUND, "no config was saved");
                Pipeline pipeline = std::move(*saved_);
                digests_ = std::move(saved_digests_);
                commit(std::move(pipeline));
                return {};
            }
            case Request::RECONCILE_AND_COMMIT:
                throw Refusal(google::rpc::UNIMPLEMENTED, "RECONCILE_AND_COMMIT is not supported");
            default:
                throw Refusal(google::rpc::INVALID_ARGUMENT, "the request has no action");
        }
    } catch (const Refusal& refusal) {
        return refusal.status();
    }
}

void ServiceCore::commit(Pipeline pipeline) {
    saved_.reset();
    saved_digests_.clear();
    digest_sender_.reset();
    disarm();
    auto next = std::move(pipeline.saved);
    committed_ = std::move(pipeline);
    next->on_digest(
        [this](const Digest& digest) { digest_sender_.sample(*committed_->map, digests_, digest); });
    device_->install(std::move(next));
    const auto& tables = committed_->map->tables();
    if (std::any_of(tables.begin(), tables.end(),
                    [](const auto& table) { return table.second.idle_timeout; }))
        Loop::current().arm_after(*this, idle_sweep);
}

void ServiceCore::install(const p4::v1::ForwardingPipelineConfig& config) {
    Pipeline pipeline = build_pipeline(config);
    digests_.clear();
    commit(std::move(pipeline));
}

RequestStatus ServiceCore::get_pipeline(const p4::v1::GetForwardingPipelineConfigRequest& request,
                                        p4::v1::GetForwardingPipelineConfigResponse& answer) const {
    using Request = p4::v1::GetForwardingPipelineConfigRequest;
    try {
        require_device(request.device_id());
    } catch (const Refusal& refusal) {
        return refusal.status();
    }
    if (!committed_) return {};
    auto& out = *answer.mutable_config();
    const auto& config = committed_->config;
    if (request.response_type() == Request::ALL || request.response_type() == Request::P4INFO_AND_COOKIE)
        *out.mutable_p4info() = config.p4info();
    if (request.response_type() == Request::ALL ||
        request.response_type() == Request::DEVICE_CONFIG_AND_COOKIE)
        out.set_p4_device_config(config.p4_device_config());
    if (config.has_cookie()) *out.mutable_cookie() = config.cookie();
    return {};
}

RequestStatus ServiceCore::capabilities(const p4::v1::CapabilitiesRequest& request,
                                        p4::v1::CapabilitiesResponse& answer) const {
    // The device ID is optional here (specification 1.5).
    if (request.device_id() != 0) {
        try {
            require_device(request.device_id());
        } catch (const Refusal& refusal) {
            return refusal.status();
        }
    }
    answer.set_p4runtime_api_version("1.4.1");
    return {};
}

ServiceStatistics ServiceCore::service_statistics() const noexcept {
    ServiceStatistics result = service_statistics_;
    result.streams = outboxes_.size();
    return result;
}

}  // namespace weft::p4switch
