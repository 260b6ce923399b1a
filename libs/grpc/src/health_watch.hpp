// HealthWatch: what grpc.health.v1.Health/Watch says on one connection, for the channel itself.
#pragma once

#include "client_call.hpp"

#include <weft/core/task.hpp>

#include <optional>
#include <string>

namespace weft::grpc::detail {

class HealthWatch {
public:
    HealthWatch(ChannelCore& channel, http2::Session& session, const std::string& service);

    // True while the service is SERVING; nullopt when the stream has ended.
    Task<std::optional<bool>> next();
    // The stream has ended because the server has no such method.
    [[nodiscard]] bool unimplemented() const noexcept;

private:
    ClientCallPtr call_;
};

}  // namespace weft::grpc::detail
