#include "channel_core.hpp"

#include <weft/core/error.hpp>
#include <weft/grpc/channel.hpp>

namespace weft::grpc {

std::string_view to_string(ChannelConnectivity state) noexcept {
    switch (state) {
        case ChannelConnectivity::idle:
            return "IDLE";
        case ChannelConnectivity::connecting:
            return "CONNECTING";
        case ChannelConnectivity::ready:
            return "READY";
        case ChannelConnectivity::transient_failure:
            return "TRANSIENT_FAILURE";
        case ChannelConnectivity::shutdown:
            return "SHUTDOWN";
    }
    return "?";
}

Channel::Channel(Pimpl<detail::ChannelCore> core) noexcept : core_(std::move(core)) {}
Channel::Channel(Channel&&) noexcept = default;
Channel& Channel::operator=(Channel&&) noexcept = default;
Channel::~Channel() = default;

ChannelConnectivity Channel::get_state(bool try_to_connect) {
    if (try_to_connect) core_->want_connection();
    return core_->state();
}

Task<void> Channel::wait_for_state_change(ChannelConnectivity last) {
    return core_->wait_for_state_change(last);
}
Task<void> Channel::channel_ready() { return core_->channel_ready(); }
Task<void> Channel::close(Duration grace) { return core_->close(grace); }
std::string Channel::last_connect_error() const { return core_->last_error(); }
const std::string& Channel::target() const noexcept { return core_->target_text(); }

Channel insecure_channel(std::string target, ChannelOptions options) {
    return Channel(
        Pimpl<detail::ChannelCore>(new detail::ChannelCore(std::move(target), std::move(options))));
}

Channel secure_channel(std::string target, const TlsContext& tls, ChannelOptions options) {
    if (tls.is_server()) throw UsageError("secure_channel() with a server's TlsContext");
    return Channel(Pimpl<detail::ChannelCore>(
        new detail::ChannelCore(std::move(target), std::move(options), std::make_unique<TlsContext>(tls))));
}

}  // namespace weft::grpc
