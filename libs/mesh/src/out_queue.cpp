#include "out_queue.hpp"

#include <cstddef>
#include <vector>

namespace weft::mesh {

namespace {

constexpr std::size_t max_spares = 32;
constexpr std::size_t kept_chunks = 4;
constexpr std::size_t max_spare_size = std::size_t{272} << 10;

std::vector<Buffer>& spares() {
    thread_local std::vector<Buffer> pool;
    return pool;
}

}  // namespace

Buffer spare_buffer(std::size_t size) {
    auto& pool = spares();
    for (std::size_t i = pool.size(); i-- != 0;) {
        if (pool[i].capacity() < size || pool[i].capacity() / 4 > size) continue;
        Buffer found = std::move(pool[i]);
        if (i + 1 != pool.size()) pool[i] = std::move(pool.back());
        pool.pop_back();
        return found;
    }
    return Buffer(size);
}

void recycle(Buffer buffer) noexcept {
    if (buffer.capacity() < OutQueue::buffer_size || buffer.capacity() > max_spare_size) return;
    auto& pool = spares();
    if (pool.size() >= max_spares) return;
    buffer.clear();
    try {
        pool.push_back(std::move(buffer));
    } catch (...) {  // no memory for the pool: the buffer is freed
    }
}

Buffer& OutQueue::tail() {
    const bool none = first_ == chunks_.size();
    const bool behind_payload = !none && chunks_.back().payload.keeper;
    if (none || behind_payload || tail_size_ >= buffer_size) {
        auto& pool = spares();
        Chunk& chunk = chunks_.emplace_back();
        // Between payloads stand the heads of frames: a small buffer of its own does for those.
        if (!pool.empty() && !behind_payload) {
            chunk.buffer = std::move(pool.back());
            pool.pop_back();
        }
        tail_size_ = 0;
    }
    return chunks_.back().buffer;
}

void OutQueue::push(Buffer buffer) {
    if (first_ != chunks_.size() && chunks_.back().size() == 0) chunks_.pop_back();
    tail_size_ = buffer.size();
    size_ += buffer.size();
    chunks_.emplace_back().buffer = std::move(buffer);
}

void OutQueue::push(Payload payload) {
    if (payload.bytes.empty()) return;
    size_ += payload.bytes.size();
    if (first_ != chunks_.size()) {
        Payload& last = chunks_.back().payload;
        if (last.keeper == payload.keeper && last.bytes.data() + last.bytes.size() == payload.bytes.data()) {
            last.bytes = {last.bytes.data(), last.bytes.size() + payload.bytes.size()};
            tail_size_ = last.bytes.size();
            return;
        }
    }
    tail_size_ = payload.bytes.size();
    chunks_.emplace_back().payload = std::move(payload);
}

std::size_t OutQueue::gather(std::array<ConstBuffer, max_gather>& out) const noexcept {
    std::size_t count = 0;
    std::size_t offset = head_offset_;
    for (std::size_t i = first_; i < chunks_.size() && count < max_gather; ++i) {
        const Chunk& chunk = chunks_[i];
        if (chunk.size() > offset) out[count++] = ConstBuffer{chunk.data() + offset, chunk.size() - offset};
        offset = 0;
    }
    return count;
}

void OutQueue::pop() noexcept {
    Chunk& chunk = chunks_[first_];
    recycle(std::move(chunk.buffer));
    chunk = Chunk();
    ++first_;
    head_offset_ = 0;
    if (first_ == chunks_.size()) {
        chunks_.clear();
        first_ = 0;
        // Idle links are many, and hold next to nothing.
        if (chunks_.capacity() > kept_chunks) chunks_ = std::vector<Chunk>();
    } else if (first_ >= max_gather && first_ * 2 >= chunks_.size()) {
        chunks_.erase(chunks_.begin(), chunks_.begin() + static_cast<std::ptrdiff_t>(first_));
        first_ = 0;
    }
}

void OutQueue::consume(std::size_t n) noexcept {
    size_ -= n;
    while (first_ != chunks_.size()) {
        const std::size_t left = chunks_[first_].size() - head_offset_;
        if (n < left) {
            head_offset_ += n;
            return;
        }
        n -= left;
        pop();
    }
    tail_size_ = 0;
}

void OutQueue::clear() noexcept {
    while (first_ != chunks_.size()) pop();
    head_offset_ = tail_size_ = size_ = 0;
}

}  // namespace weft::mesh
