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
    if (buffers_.empty() || tail_size_ >= buffer_size) {
        auto& pool = spares();
        if (pool.empty()) {
            buffers_.emplace_back();
        } else {
            buffers_.push_back(std::move(pool.back()));
            pool.pop_back();
        }
        tail_size_ = 0;
    }
    return buffers_.back();
}

void OutQueue::push(Buffer buffer) {
    if (!buffers_.empty() && buffers_.back().empty()) buffers_.pop_back();
    tail_size_ = buffer.size();
    size_ += buffer.size();
    buffers_.push_back(std::move(buffer));
}

std::size_t OutQueue::gather(std::array<ConstBuffer, max_gather>& out) const noexcept {
    std::size_t count = 0;
    std::size_t offset = head_offset_;
    for (const Buffer& buffer : buffers_) {
        if (count == max_gather) break;
        if (buffer.size() > offset)
            out[count++] = ConstBuffer{buffer.data() + offset, buffer.size() - offset};
        offset = 0;
    }
    return count;
}

void OutQueue::consume(std::size_t n) noexcept {
    size_ -= n;
    while (!buffers_.empty()) {
        const std::size_t left = buffers_.front().size() - head_offset_;
        if (n < left) {
            head_offset_ += n;
            return;
        }
        n -= left;
        head_offset_ = 0;
        recycle(std::move(buffers_.front()));
        buffers_.pop_front();
    }
    tail_size_ = 0;
}

void OutQueue::clear() noexcept {
    while (!buffers_.empty()) {
        recycle(std::move(buffers_.front()));
        buffers_.pop_front();
    }
    head_offset_ = tail_size_ = size_ = 0;
}

}  // namespace weft::mesh
