// ServerContext: what a handler knows and says about its call, beside the messages.
#pragma once

#include <weft/core/timer.hpp>
#include <weft/grpc/metadata.hpp>
#include <weft/grpc/status.hpp>

#include <optional>
#include <string>
#include <string_view>

namespace weft::grpc {

namespace detail {
class ServerCall;
}

// Belongs to the call; valid until the handler has ended.
class ServerContext {
public:
    explicit ServerContext(detail::ServerCall& call) noexcept : call_(call) {}
    ServerContext(const ServerContext&) = delete;
    ServerContext& operator=(const ServerContext&) = delete;

    // "/package.Service/Method"
    [[nodiscard]] std::string_view method() const noexcept;
    [[nodiscard]] const Metadata& invocation_metadata() const noexcept;
    // The client's address ("ipv4:127.0.0.1:53718", "unix:").
    [[nodiscard]] const std::string& peer() const noexcept;
    // :authority, the name by which the client called us.
    [[nodiscard]] const std::string& authority() const noexcept;

    // When the client stops waiting; nullopt when it did not say. The handler is cancelled then.
    [[nodiscard]] std::optional<TimePoint> deadline() const noexcept;
    // Never negative.
    [[nodiscard]] std::optional<Duration> time_remaining() const noexcept;

    // The client is no longer there, its deadline has passed or the server is stopping: the handler has been
    // or will be cancelled, and its answer goes nowhere.
    [[nodiscard]] bool cancelled() const noexcept;

    // Sends the response's headers now, with `metadata`. Without it they go with the first message. Throws
    // UsageError when they have been sent.
    void send_initial_metadata(const Metadata& metadata = Metadata());
    // Goes with the status at the end of the call; replaces what was set before.
    void set_trailing_metadata(Metadata metadata);

    // Ends the handler: throws RpcError, which is the answer. An OK code is answered as UNKNOWN.
    [[noreturn]] void abort(StatusCode code, std::string details, std::string details_bin = {});

private:
    detail::ServerCall& call_;
};

}  // namespace weft::grpc
