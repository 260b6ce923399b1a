// A bounded queue of packets in one block of memory: no allocation per packet once it has grown.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace weft::p4switch {

class PacketQueue {
public:
    explicit PacketQueue(std::size_t max_packets) : max_packets_(max_packets) {}

    // False when the queue is full.
    bool push(std::span<const std::byte> packet) {
        if (ends_.size() >= max_packets_) return false;
        bytes_.insert(bytes_.end(), packet.begin(), packet.end());
        ends_.push_back(bytes_.size());
        return true;
    }

    [[nodiscard]] bool empty() const noexcept { return ends_.empty(); }
    [[nodiscard]] std::size_t size() const noexcept { return ends_.size(); }
    [[nodiscard]] std::span<const std::byte> operator[](std::size_t i) const noexcept {
        const std::size_t begin = i == 0 ? 0 : ends_[i - 1];
        return std::span(bytes_).subspan(begin, ends_[i] - begin);
    }

    // Keeps the memory.
    void clear() noexcept {
        bytes_.clear();
        ends_.clear();
    }
    void swap(PacketQueue& other) noexcept {
        bytes_.swap(other.bytes_);
        ends_.swap(other.ends_);
    }

private:
    std::size_t max_packets_;
    std::vector<std::byte> bytes_;
    std::vector<std::size_t> ends_;
};

}  // namespace weft::p4switch
