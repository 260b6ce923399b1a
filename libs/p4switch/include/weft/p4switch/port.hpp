// What a switch's ports have in common: packets go out, packets come in, both are counted.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace weft::p4switch {

struct PortStatistics {
    std::uint64_t rx_packets = 0;
    std::uint64_t rx_bytes = 0;
    std::uint64_t tx_packets = 0;
    std::uint64_t tx_bytes = 0;
    std::uint64_t tx_dropped = 0;  // the queue was full, the link down, or the kernel refused
};

// Takes the packets that leave a switch by one port. Called on the loop of the switch.
class Port {
public:
    virtual ~Port() = default;

    // `packet` is valid during the call only. May delay the packet to the end of the loop turn; may drop it,
    // and then counts it.
    virtual void transmit(std::span<const std::byte> packet) noexcept = 0;

    [[nodiscard]] virtual PortStatistics statistics() const noexcept = 0;
};

// Takes the packets that enter a switch. SwitchDevice is one.
class PacketReceiver {
public:
    virtual void receive(std::uint32_t port, std::span<const std::byte> packet) noexcept = 0;

protected:
    ~PacketReceiver() = default;
};

}  // namespace weft::p4switch
