// What waits to be written to one peer: a few buffers, appended to at the end and consumed at the front.
#pragma once

#include "payload.hpp"

#include <weft/core/stream.hpp>
#include <weft/mesh/buffer.hpp>

#include <array>
#include <cstddef>
#include <vector>

namespace weft::mesh {

// Buffers go from link to link: ten thousand idle peers hold none, and a busy one allocates none.
[[nodiscard]] Buffer spare_buffer(std::size_t size);
void recycle(Buffer buffer) noexcept;

class OutQueue {
public:
    static constexpr std::size_t buffer_size = std::size_t{64} << 10;
    static constexpr std::size_t max_gather = 64;

    OutQueue() = default;
    OutQueue(const OutQueue&) = delete;
    OutQueue& operator=(const OutQueue&) = delete;
    ~OutQueue() { clear(); }

    [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
    [[nodiscard]] std::size_t size() const noexcept { return size_; }

    // The buffer to append to; call appended() afterwards.
    [[nodiscard]] Buffer& tail();
    // Counts what was appended to the tail; gives how many bytes that were.
    std::size_t appended() noexcept {
        if (first_ == chunks_.size()) return 0;
        const std::size_t n = chunks_.back().size() - tail_size_;
        tail_size_ = chunks_.back().size();
        size_ += n;
        return n;
    }
    // Takes a buffer over, without copying.
    void push(Buffer buffer);
    // Points to bytes elsewhere. What follows the last bytes there is one piece with them.
    void push(Payload payload);

    std::size_t gather(std::array<ConstBuffer, max_gather>& out) const noexcept;
    void consume(std::size_t n) noexcept;
    void clear() noexcept;

private:
    // A buffer, or, with a keeper, bytes elsewhere.
    struct Chunk {
        Buffer buffer;
        Payload payload;
        [[nodiscard]] std::size_t size() const noexcept {
            return payload.keeper ? payload.bytes.size() : buffer.size();
        }
        [[nodiscard]] const std::byte* data() const noexcept {
            return payload.keeper ? payload.bytes.data() : buffer.data();
        }
    };

    void pop() noexcept;

    std::vector<Chunk> chunks_;  // those before first_ have been written
    std::size_t first_ = 0;
    std::size_t head_offset_ = 0;
    std::size_t tail_size_ = 0;  // of the last chunk, what is counted in size_
    std::size_t size_ = 0;
};

}  // namespace weft::mesh
