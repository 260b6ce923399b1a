#include "pinger_state.hpp"

#include <weft/core/error.hpp>
#include <weft/probe/pinger.hpp>

#include <cstring>
#include <string>
#include <system_error>
#include <utility>

namespace weft::probe {

namespace {

Task<PingResult> ping_once(std::shared_ptr<PingerState> state, IpAddress target, PingOptions options) {
    if (state->closed()) throw ClosedError("the pinger was closed");
    PingChannel& channel = state->channel(target.family());
    if (!channel.is_open()) {
        PingUnreachable unreachable;
        unreachable.error_number = channel.error_number();
        co_return unreachable;
    }
    const Permit permit = co_await state->permits().acquire();
    Probe probe(channel, target, options);
    PingResult result = co_await probe;
    co_return result;
}

}  // namespace

std::string PingResult::to_string() const {
    if (const PingReply* answer = reply()) {
        const auto microseconds = std::chrono::duration_cast<std::chrono::microseconds>(answer->rtt).count();
        std::string fraction = std::to_string(microseconds % 1000);
        fraction.insert(0, 3 - fraction.size(), '0');
        return "reply from " + answer->from.to_string() + ": ttl=" + std::to_string(answer->ttl) +
               " time=" + std::to_string(microseconds / 1000) + "." + fraction + " ms";
    }
    if (const PingTimeout* silence = timeout())
        return "no answer within " + std::to_string(silence->waited.count()) + " ms";
    const PingUnreachable& error = *unreachable();
    if (!error.icmp_type || !error.reporter)
        return std::error_code(error.error_number, std::generic_category()).message();
    return error.reporter->to_string() + ": " +
           describe_error(error.reporter->family(), *error.icmp_type, error.icmp_code.value_or(0));
}

Pinger::Pinger(std::shared_ptr<PingerState> state) noexcept : state_(std::move(state)) {}
Pinger::Pinger(Pinger&&) noexcept = default;

Pinger& Pinger::operator=(Pinger&& other) noexcept {
    if (this != &other) {
        close();
        state_ = std::move(other.state_);
    }
    return *this;
}

Pinger::~Pinger() { close(); }

Pinger Pinger::open() { return open(netlink::Namespace::current()); }

Pinger Pinger::open(const netlink::Namespace& where) { return Pinger(std::make_shared<PingerState>(where)); }

Task<PingResult> Pinger::ping(IpAddress target, PingOptions options) const {
    constexpr std::size_t largest = 65507;  // what an IPv4 packet holds beside its headers
    if (options.payload < tag_size || options.payload > largest)
        throw UsageError("the payload of a ping is 16 to 65507 bytes, not " +
                         std::to_string(options.payload));
    if (options.hop_limit == 0) throw UsageError("the hop limit of a ping is 1 to 255, not 0");
    return ping_once(state_, target, std::move(options));
}

bool Pinger::is_raw() const noexcept {
    PingChannel& v4 = state_->channel(IpFamily::v4);
    return v4.is_open() ? v4.is_raw() : state_->channel(IpFamily::v6).is_raw();
}

void Pinger::close() noexcept {
    if (state_) state_->close();
}

}  // namespace weft::probe
