// A port on a network interface of the kernel, such as one end of a veth pair.
#pragma once

#include <weft/p4switch/port.hpp>

#include <cstdint>
#include <memory>
#include <string>

namespace weft::p4switch {

// Sees every frame that arrives at the interface (promiscuous) and sends frames as they are; VLAN tags that
// the kernel took off are put back. Reads and writes in batches. The interface's checksum and segmentation
// offloads must be off, or the peer's kernel leaves that work to hardware that does not exist.
class PacketPort final : public Port {
public:
    // Opens the interface in the network namespace in which the calling thread is now; the port stays there.
    // Throws SystemError (ENODEV, EPERM without CAP_NET_RAW). Packets go to `receiver`, which must outlive
    // the port.
    PacketPort(const std::string& interface, PacketReceiver& receiver, std::uint32_t port);
    ~PacketPort() override;

    void transmit(std::span<const std::byte> packet) noexcept override;
    [[nodiscard]] PortStatistics statistics() const noexcept override;

private:
    class Socket;
    std::unique_ptr<Socket> socket_;
};

}  // namespace weft::p4switch
