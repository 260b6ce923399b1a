// HealthService: grpc.health.v1.Health, with Check, Watch and List.
//
//     grpc::HealthService health;
//     server.add_service(health);
//     health.set("", grpc::ServingStatus::serving);          // the server as a whole
//     health.set("lab.Switch", grpc::ServingStatus::not_serving);
#pragma once

#include <weft/core/event.hpp>
#include <weft/grpc/service.hpp>

#include <cstdint>
#include <map>
#include <string>

namespace weft::grpc {

enum class ServingStatus : std::uint8_t { unknown = 0, serving = 1, not_serving = 2, service_unknown = 3 };

// Belongs to its server's loop, and must outlive the server. A service that was never set is NOT_FOUND to
// Check, and SERVICE_UNKNOWN to Watch, which goes on. The server as a whole ("") is SERVING from the
// beginning.
class HealthService final : public Service {
public:
    HealthService();

    // Tells those who watch, when it changes.
    void set(std::string service, ServingStatus status);
    // Everything is NOT_SERVING from now on, whatever set() says: before Server::stop(), so that clients go
    // elsewhere.
    void shut_down();

private:
    Task<std::string> check(ServerContext& context, std::string request);
    Task<void> watch(ServerContext& context, std::string request, ServerWriter<std::string>& responses);
    Task<std::string> list(ServerContext& context, std::string request);

    std::map<std::string, ServingStatus> statuses_;
    std::uint64_t version_ = 0;
    Event changed_;  // pulsed at every change
    bool shut_down_ = false;
};

}  // namespace weft::grpc
