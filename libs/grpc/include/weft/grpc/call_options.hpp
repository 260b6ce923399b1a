// Options of one call.
#pragma once

#include <weft/core/timer.hpp>
#include <weft/grpc/compression.hpp>
#include <weft/grpc/metadata.hpp>

#include <chrono>
#include <optional>
#include <utility>

namespace weft::grpc {

class CallCredentials;
class ServerContext;

//     co_await stub.Say(request, CallOptions().timeout(2s).metadata(std::move(md)).wait_for_ready());
class CallOptions {
public:
    CallOptions() {}  // user-provided: never an aggregate (g++ 12, rule R1)

    // The call ends with DEADLINE_EXCEEDED when it takes longer, counted from its start.
    CallOptions&& timeout(Duration limit) && {
        timeout_ = limit;
        return std::move(*this);
    }
    // The same as a point in time; the earlier of the two counts.
    CallOptions&& deadline(TimePoint when) && {
        deadline_ = when;
        return std::move(*this);
    }
    CallOptions&& metadata(Metadata value) && {
        metadata_ = std::move(value);
        return std::move(*this);
    }
    // Waits for the server instead of failing with UNAVAILABLE while it cannot be reached. Not set: as the
    // service config says.
    CallOptions&& wait_for_ready(bool wait = true) && {
        wait_for_ready_ = wait;
        return std::move(*this);
    }
    // Overrides the channel's :authority.
    CallOptions&& authority(std::string value) && {
        authority_ = std::move(value);
        return std::move(*this);
    }
    // Largest response message, in bytes; the channel's when not set.
    CallOptions&& max_receive_message_length(std::size_t bytes) && {
        max_receive_ = bytes;
        return std::move(*this);
    }

    // How this call's messages are compressed; the channel's way when not set.
    CallOptions&& compression(Compression algorithm) && {
        compression_ = algorithm;
        return std::move(*this);
    }
    // Metadata of this call's own, made when it starts; the channel's credentials count too. Only on secure
    // channels and unix sockets: else the call ends with UNAUTHENTICATED. It must outlive the call.
    CallOptions&& credentials(CallCredentials& own) && {
        credentials_ = &own;
        return std::move(*this);
    }
    // Gives the call a handler's deadline, if there is one: when the answer is no longer waited for, the work
    // for it is not either. The earliest of deadline(), timeout() and this counts.
    CallOptions&& parent(const ServerContext& context) &&;

    [[nodiscard]] const std::optional<Duration>& timeout() const noexcept { return timeout_; }
    [[nodiscard]] const std::optional<TimePoint>& deadline() const noexcept { return deadline_; }
    [[nodiscard]] const Metadata& metadata() const noexcept { return metadata_; }
    [[nodiscard]] const std::optional<bool>& wait_for_ready() const noexcept { return wait_for_ready_; }
    [[nodiscard]] const std::optional<Compression>& compression() const noexcept { return compression_; }
    [[nodiscard]] CallCredentials* credentials() const noexcept { return credentials_; }
    [[nodiscard]] const std::string& authority() const noexcept { return authority_; }
    [[nodiscard]] const std::optional<std::size_t>& max_receive_message_length() const noexcept {
        return max_receive_;
    }

private:
    std::optional<Duration> timeout_;
    std::optional<TimePoint> deadline_;
    std::optional<std::size_t> max_receive_;
    Metadata metadata_;
    std::string authority_;
    std::optional<bool> wait_for_ready_;
    std::optional<Compression> compression_;
    CallCredentials* credentials_ = nullptr;
};

}  // namespace weft::grpc
