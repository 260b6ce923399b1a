#include <weft/core/error.hpp>
#include <weft/core/loop.hpp>
#include <weft/p4switch/switch_device.hpp>

#include <string>

namespace weft::p4switch {

namespace {
constexpr std::uint32_t fast_port_limit = 1024;
}  // namespace

SwitchDevice::SwitchDevice() : start_(Loop::current().now()) {}
SwitchDevice::~SwitchDevice() = default;

void SwitchDevice::install(std::unique_ptr<Switch> pipeline) { pipeline_ = std::move(pipeline); }

Port* SwitchDevice::port(std::uint32_t number) const noexcept {
    if (number < fast_ports_.size()) return fast_ports_[number];
    const auto it = others_.find(number);
    return it == others_.end() ? nullptr : it->second;
}

void SwitchDevice::attach(std::uint32_t number, Port& new_port) {
    if (port(number))
        throw UsageError("port " + std::to_string(number) + " of the switch is attached already");
    if (number < fast_port_limit) {
        if (number >= fast_ports_.size()) fast_ports_.resize(number + 1, nullptr);
        fast_ports_[number] = &new_port;
    } else {
        others_[number] = &new_port;
    }
}

void SwitchDevice::detach(std::uint32_t number) noexcept {
    if (number < fast_ports_.size()) {
        fast_ports_[number] = nullptr;
    } else {
        others_.erase(number);
    }
}

std::vector<std::uint32_t> SwitchDevice::port_numbers() const {
    std::vector<std::uint32_t> numbers;
    for (std::uint32_t i = 0; i < fast_ports_.size(); ++i)
        if (fast_ports_[i]) numbers.push_back(i);
    for (const auto& [number, unused] : others_) numbers.push_back(number);
    return numbers;
}

std::chrono::nanoseconds SwitchDevice::now() const noexcept { return Loop::current().now() - start_; }

void SwitchDevice::receive(std::uint32_t port, std::span<const std::byte> packet) noexcept {
    if (!pipeline_) {
        ++lost_;
        return;
    }
    pipeline_->process(port, {reinterpret_cast<const std::uint8_t*>(packet.data()), packet.size()}, now(),
                       *this);
}

void SwitchDevice::transmit(std::uint32_t number, std::span<const std::uint8_t> bytes) {
    if (Port* out = port(number)) {
        out->transmit(std::as_bytes(bytes));
    } else {
        ++lost_;
    }
}

}  // namespace weft::p4switch
