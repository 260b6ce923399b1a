// A running switch: a pipeline, which may be replaced, and the ports that it forwards between.
#pragma once

#include <weft/core/timer.hpp>
#include <weft/p4switch/port.hpp>
#include <weft/p4switch/switch.hpp>

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <vector>

namespace weft::p4switch {

// Belongs to the loop on which it was made. Ports are attached by reference and must be detached before they
// die.
class SwitchDevice final : public PacketReceiver, private PacketSink {
public:
    // Throws UsageError outside of a running loop.
    SwitchDevice();
    SwitchDevice(const SwitchDevice&) = delete;
    SwitchDevice& operator=(const SwitchDevice&) = delete;
    ~SwitchDevice() override;

    // Replaces the pipeline with all its entries; nullptr stops forwarding. Packets that arrive while there
    // is no pipeline are dropped and counted.
    void install(std::unique_ptr<Switch> pipeline);
    // nullptr before the first install().
    [[nodiscard]] Switch* pipeline() const noexcept { return pipeline_.get(); }

    // Throws UsageError when the number is taken.
    void attach(std::uint32_t number, Port& port);
    void detach(std::uint32_t number) noexcept;
    [[nodiscard]] std::vector<std::uint32_t> port_numbers() const;
    // nullptr when there is none.
    [[nodiscard]] Port* port(std::uint32_t number) const noexcept;

    // Runs a packet through the pipeline. Not to be called from inside a port's transmit().
    void receive(std::uint32_t port, std::span<const std::byte> packet) noexcept override;

    // Time of the pipeline: since this device was made.
    [[nodiscard]] std::chrono::nanoseconds now() const noexcept;

    // Packets that arrived without a pipeline, or left by a port that does not exist.
    [[nodiscard]] std::uint64_t lost() const noexcept { return lost_; }

private:
    void transmit(std::uint32_t port, std::span<const std::uint8_t> bytes) override;

    TimePoint start_;
    std::unique_ptr<Switch> pipeline_;
    std::vector<Port*> fast_ports_;          // by number, for the numbers of real switches
    std::map<std::uint32_t, Port*> others_;  // the rest
    std::uint64_t lost_ = 0;
};

}  // namespace weft::p4switch
