// A link between two switches of one process: packets cross it by memory, in the next turn of the loop.
#pragma once

#include <weft/p4switch/port.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>

namespace weft::p4switch {

// Owns both of its ends. It must die before the receivers do; detach its ports first (SwitchDevice::detach).
class Link {
public:
    // A packet that is transmitted on `a()` is received by `receiver_b` on `port_b`, and the other way round.
    // Each direction holds at most `queue_packets`; what comes beyond is dropped and counted.
    Link(PacketReceiver& receiver_a, std::uint32_t port_a, PacketReceiver& receiver_b, std::uint32_t port_b,
         std::size_t queue_packets = 4096);
    Link(Link&&) noexcept;
    ~Link();

    [[nodiscard]] Port& a() noexcept;
    [[nodiscard]] Port& b() noexcept;

    // A link that is down drops everything, also what is on its way.
    void set_up(bool up) noexcept;
    [[nodiscard]] bool up() const noexcept;

private:
    class End;
    std::unique_ptr<End> a_;
    std::unique_ptr<End> b_;
};

}  // namespace weft::p4switch
