// ByteBuffer: bytes that are appended at the end and taken from the front.
//
// Grows without initialising, so a message can be serialised or read straight into it. What was taken from
// the front is reclaimed lazily; a buffer that grew large gives its memory back when it runs empty.
#pragma once

#include <cstddef>
#include <cstring>
#include <span>
#include <string_view>
#include <utility>

namespace weft::http2 {

class ByteBuffer {
public:
    ByteBuffer() = default;
    ByteBuffer(ByteBuffer&& other) noexcept
        : data_(std::exchange(other.data_, nullptr)),
          head_(std::exchange(other.head_, 0)),
          tail_(std::exchange(other.tail_, 0)),
          capacity_(std::exchange(other.capacity_, 0)) {}
    ByteBuffer& operator=(ByteBuffer&& other) noexcept {
        std::swap(data_, other.data_);
        std::swap(head_, other.head_);
        std::swap(tail_, other.tail_);
        std::swap(capacity_, other.capacity_);
        return *this;
    }
    ~ByteBuffer();

    [[nodiscard]] std::size_t size() const noexcept { return tail_ - head_; }
    [[nodiscard]] bool empty() const noexcept { return tail_ == head_; }
    [[nodiscard]] const std::byte* data() const noexcept { return data_ + head_; }
    // Valid until the next member that is not const.
    [[nodiscard]] std::span<const std::byte> bytes() const noexcept { return {data_ + head_, size()}; }

    // Room for `n` bytes after the end, uninitialised; commit() makes them part of the buffer. Throws
    // std::bad_alloc.
    [[nodiscard]] std::byte* prepare(std::size_t n) {
        if (capacity_ - tail_ < n) grow(n);
        return data_ + tail_;
    }
    void commit(std::size_t n) noexcept { tail_ += n; }

    void append(const void* data, std::size_t n) {
        if (n == 0) return;
        std::memcpy(prepare(n), data, n);
        tail_ += n;
    }
    void append(std::string_view text) { append(text.data(), text.size()); }

    // Takes `n` bytes, at most size(), from the front.
    void consume(std::size_t n) noexcept {
        head_ += n;
        if (head_ == tail_) {
            head_ = tail_ = 0;
            if (capacity_ > keep_capacity) release();
        }
    }

    // Empties the buffer.
    void clear() noexcept { consume(size()); }

private:
    static constexpr std::size_t keep_capacity = std::size_t{256} * 1024;

    void grow(std::size_t n);
    void release() noexcept;

    std::byte* data_ = nullptr;
    std::size_t head_ = 0;
    std::size_t tail_ = 0;
    std::size_t capacity_ = 0;
};

}  // namespace weft::http2
