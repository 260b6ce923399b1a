// Pinger: ICMP echo from this process, IPv4 and IPv6, any number of probes in flight on one socket each.
//
//     auto pinger = Pinger::open();
//     const PingResult result = co_await pinger.ping(IpAddress::parse("10.0.0.2"));
//     if (const PingReply* reply = result.reply()) use(reply->rtt);
#pragma once

#include <weft/core/task.hpp>
#include <weft/netlink/ip_address.hpp>
#include <weft/netlink/netns.hpp>
#include <weft/probe/ping.hpp>

#include <memory>

namespace weft::probe {

class PingerState;  // private: src/pinger_state.hpp

// Belongs to the loop on which it is first used, and must not outlive it. Move-only; the destructor closes.
class Pinger {
public:
    // In the namespace of the calling thread, or in `where`; it stays there. Uses an ICMP datagram socket
    // where the system lets this user have one (net.ipv4.ping_group_range), a raw socket otherwise, which
    // needs CAP_NET_RAW. Throws SystemError (EPERM) when neither is allowed.
    [[nodiscard]] static Pinger open();
    [[nodiscard]] static Pinger open(const netlink::Namespace& where);
    Pinger(Pinger&&) noexcept;
    Pinger& operator=(Pinger&&) noexcept;
    ~Pinger();

    // Sends one echo request and waits for what comes of it. More than 32,768 at once wait for their turn.
    // Cancelling forgets the probe; its reply is then ignored. Throws ClosedError, UsageError (a payload
    // or hop limit out of range).
    [[nodiscard]] Task<PingResult> ping(IpAddress target, PingOptions options = PingOptions()) const;

    // Whether raw sockets are in use.
    [[nodiscard]] bool is_raw() const noexcept;
    // Every ping that waits gets ClosedError. Harmless twice.
    void close() noexcept;

private:
    explicit Pinger(std::shared_ptr<PingerState> state) noexcept;
    std::shared_ptr<PingerState> state_;
};

}  // namespace weft::probe
