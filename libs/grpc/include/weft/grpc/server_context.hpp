// ServerContext: what a handler knows and says about its call, beside the messages.
#pragma once

#include <weft/core/timer.hpp>
#include <weft/grpc/compression.hpp>
#include <weft/grpc/metadata.hpp>
#include <weft/grpc/status.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace weft::grpc {

namespace detail {
class ServerCall;
}

// How others are kept from reading and writing a connection.
enum class TransportSecurity : std::uint8_t {
    none,   // not at all
    local,  // it does not leave the machine: a unix socket, or a stream given to add_connection()
    tls,
};

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
    // The names in the client's certificate (URIs, DNS names, addresses; without any, its subject). Empty
    // without mutual TLS.
    [[nodiscard]] const std::vector<std::string>& peer_identities() const noexcept;
    [[nodiscard]] TransportSecurity transport_security() const noexcept;
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
    // UsageError when they have been sent, RpcError (RESOURCE_EXHAUSTED) when they are over the client's
    // limit.
    void send_initial_metadata(const Metadata& metadata = Metadata());
    // Goes with the status at the end of the call; replaces what was set before.
    void set_trailing_metadata(Metadata metadata);

    [[nodiscard]] const Metadata& trailing_metadata() const noexcept;

    // The status with which a handler that returns ends the call. With another code than OK its response is
    // not sent. abort() and RpcError win over it.
    void set_code(StatusCode code) noexcept;
    void set_details(std::string details);
    [[nodiscard]] StatusCode code() const noexcept;
    [[nodiscard]] const std::string& details() const noexcept;

    // How the responses of this call are compressed, if the client understands it. Throws UsageError when the
    // headers have been sent.
    void set_compression(Compression algorithm);
    // The next response is sent as it is.
    void disable_next_message_compression() noexcept;

    // The request that was read last (or the only one) came compressed.
    [[nodiscard]] bool last_request_compressed() const noexcept;

    // Ends the handler: throws RpcError, which is the answer.
    [[noreturn]] void abort_with_status(Status status);
    // Ends the handler: throws RpcError, which is the answer. An OK code is answered as UNKNOWN.
    [[noreturn]] void abort(StatusCode code, std::string details, std::string details_bin = {});

private:
    detail::ServerCall& call_;
};

}  // namespace weft::grpc
