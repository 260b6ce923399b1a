#include "out_queue.hpp"

#include <vector>

namespace weft::mesh {

namespace {

// Buffers go from link to link: ten thousand idle peers hold none, and a busy one allocates none.
constexpr std::size_t max_spares = 32;
constexpr std::size_t max_spare_size = std::size_t{256} << 10;

std::vector<Buffer>& spares() {
    thread_local std::vector<Buffer> pool;
    return pool;
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

}  // namespace

Buffer& OutQueue::tail() {
    const bool behind_payload = !chunks_.empty() && chunks_.back().payload.keeper;
    if (chunks_.empty() || behind_payload || tail_size_ >= buffer_size) {
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
    if (!chunks_.empty() && chunks_.back().size() == 0) chunks_.pop_back();
    tail_size_ = buffer.size();
    size_ += buffer.size();
    chunks_.emplace_back().buffer = std::move(buffer);
}

void OutQueue::push(Payload payload) {
    if (payload.bytes.empty()) return;
    tail_size_ = payload.bytes.size();
    size_ += payload.bytes.size();
    chunks_.emplace_back().payload = std::move(payload);
}

std::size_t OutQueue::gather(std::array<ConstBuffer, max_gather>& out) const noexcept {
    std::size_t count = 0;
    std::size_t offset = head_offset_;
    for (const Chunk& chunk : chunks_) {
        if (count == max_gather) break;
        if (chunk.size() > offset) out[count++] = ConstBuffer{chunk.data() + offset, chunk.size() - offset};
        offset = 0;
    }
    return count;
}

void OutQueue::consume(std::size_t n) noexcept {
    size_ -= n;
    while (!chunks_.empty()) {
        const std::size_t left = chunks_.front().size() - head_offset_;
        if (n < left) {
            head_offset_ += n;
            return;
        }
        n -= left;
        head_offset_ = 0;
        recycle(std::move(chunks_.front().buffer));
        chunks_.pop_front();
    }
    tail_size_ = 0;
}

void OutQueue::clear() noexcept {
    while (!chunks_.empty()) {
        recycle(std::move(chunks_.front().buffer));
        chunks_.pop_front();
    }
    head_offset_ = tail_size_ = size_ = 0;
}

}  // namespace weft::mesh
