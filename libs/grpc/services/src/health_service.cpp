#include "grpc/health/v1/health.pb.h"

#include <weft/grpc/health_service.hpp>
#include <weft/grpc/protobuf.hpp>

#include <span>
#include <utility>

namespace weft::grpc {

namespace {

namespace v1 = ::grpc::health::v1;

// gRFC A90: more services than this are too many for one answer.
constexpr std::size_t most_listed = 100;

std::string service_of(const std::string& request) {
    v1::HealthCheckRequest message;
    if (!Codec<v1::HealthCheckRequest>::read(std::as_bytes(std::span(request)), message))
        throw RpcError(StatusCode::internal, "the request does not parse as its message type");
    return message.service();
}

std::string response_of(ServingStatus status) {
    v1::HealthCheckResponse message;
    message.set_status(static_cast<v1::HealthCheckResponse::ServingStatus>(status));
    return message.SerializeAsString();
}

void put_field(std::string& out, char tag, const std::string& bytes) {
    out += tag;
    std::size_t size = bytes.size();
    for (; size > 0x7F; size >>= 7) out += static_cast<char>(size | 0x80);
    out += static_cast<char>(size);
    out += bytes;
}

}  // namespace

HealthService::HealthService() {
    statuses_[""] = ServingStatus::serving;
    add_unary_unary("/grpc.health.v1.Health/Check", &HealthService::check);
    add_unary_stream("/grpc.health.v1.Health/Watch", &HealthService::watch);
    add_unary_unary("/grpc.health.v1.Health/List", &HealthService::list);
}

void HealthService::set(std::string service, ServingStatus status) {
    statuses_[std::move(service)] = shut_down_ ? ServingStatus::not_serving : status;
    ++version_;
    changed_.set();
    changed_.clear();
}

void HealthService::shut_down() {
    shut_down_ = true;
    for (auto& [service, status] : statuses_) status = ServingStatus::not_serving;
    ++version_;
    changed_.set();
    changed_.clear();
}

Task<std::string> HealthService::check(ServerContext&, std::string request) {
    const auto at = statuses_.find(service_of(request));
    if (at == statuses_.end()) throw RpcError(StatusCode::not_found, "unknown service");
    co_return response_of(at->second);
}

Task<void> HealthService::watch(ServerContext&, std::string request, ServerWriter<std::string>& responses) {
    const std::string service = service_of(request);
    std::optional<ServingStatus> told;
    for (;;) {
        const std::uint64_t seen = version_;
        const auto at = statuses_.find(service);
        const ServingStatus now = at == statuses_.end() ? ServingStatus::service_unknown : at->second;
        if (told != now) {
            told = now;
            const std::string response = response_of(now);
            co_await responses.write(response);
        }
        if (seen == version_) co_await changed_.wait();
    }
}

// HealthListResponse{statuses = 1: map<string, HealthCheckResponse>}; younger than Debian's health.proto.
Task<std::string> HealthService::list(ServerContext&, std::string) {
    if (statuses_.size() > most_listed)
        throw RpcError(StatusCode::resource_exhausted, "there are more than 100 services");
    std::string out;
    for (const auto& [service, status] : statuses_) {
        std::string entry;
        put_field(entry, '\x0A', service);
        put_field(entry, '\x12', response_of(status));
        put_field(out, '\x0A', entry);
    }
    co_return out;
}

}  // namespace weft::grpc
