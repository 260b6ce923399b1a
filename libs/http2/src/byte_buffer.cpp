#include <weft/http2/byte_buffer.hpp>

#include <algorithm>
#include <cstdlib>
#include <new>

namespace weft::http2 {

ByteBuffer::~ByteBuffer() { std::free(data_); }

void ByteBuffer::release() noexcept {
    std::free(data_);
    data_ = nullptr;
    capacity_ = head_ = tail_ = 0;
}

void ByteBuffer::grow(std::size_t n) {
    const std::size_t used = size();
    // Moving is worth it only when at least half becomes free; else appending would be quadratic.
    if (head_ >= capacity_ / 2 && capacity_ - used >= n) {
        std::memmove(data_, data_ + head_, used);
        head_ = 0;
        tail_ = used;
        return;
    }
    if (n > static_cast<std::size_t>(-1) / 4 - tail_) throw std::bad_alloc();
    const std::size_t wanted = std::max<std::size_t>({tail_ + n, capacity_ * 2, 256});
    void* grown = std::realloc(data_, wanted);
    if (!grown) throw std::bad_alloc();
    data_ = static_cast<std::byte*>(grown);
    capacity_ = wanted;
}

}  // namespace weft::http2
