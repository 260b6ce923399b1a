// Buffer: bytes that grow at the end. Encoders write straight into the one that the stream will send.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <new>
#include <span>
#include <string_view>
#include <utility>

namespace weft::mesh {

// Like vector<byte>, but growing leaves the new room uninitialised, and it grows with realloc(), which moves
// pages instead of copying them when the buffer is large. Throws std::bad_alloc.
class Buffer {
public:
    Buffer() = default;
    explicit Buffer(std::size_t capacity) { reserve(capacity); }
    Buffer(Buffer&& other) noexcept
        : data_(std::exchange(other.data_, nullptr)),
          size_(std::exchange(other.size_, 0)),
          capacity_(std::exchange(other.capacity_, 0)) {}
    Buffer& operator=(Buffer&& other) noexcept {
        std::swap(data_, other.data_);
        std::swap(size_, other.size_);
        std::swap(capacity_, other.capacity_);
        return *this;
    }
    ~Buffer() { std::free(data_); }

    [[nodiscard]] std::byte* data() noexcept { return data_; }
    [[nodiscard]] const std::byte* data() const noexcept { return data_; }
    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    [[nodiscard]] std::size_t capacity() const noexcept { return capacity_; }
    [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
    [[nodiscard]] std::span<const std::byte> bytes() const noexcept { return {data_, size_}; }
    [[nodiscard]] std::string_view text() const noexcept {
        return {reinterpret_cast<const char*>(data_), size_};
    }

    void reserve(std::size_t capacity) {
        if (capacity <= capacity_) return;
        void* grown = std::realloc(data_, capacity);
        if (!grown) throw std::bad_alloc();
        data_ = static_cast<std::byte*>(grown);
        capacity_ = capacity;
    }
    // Makes room for `n` more bytes, geometrically.
    void make_room(std::size_t n) {
        if (capacity_ - size_ >= n) return;
        std::size_t wanted = capacity_ < 512 ? 1024 : capacity_ * 2;
        if (wanted - size_ < n) wanted = size_ + n;
        reserve(wanted);
    }
    // Grows by `n` bytes that the caller fills.
    std::byte* extend(std::size_t n) {
        make_room(n);
        std::byte* at = data_ + size_;
        size_ += n;
        return at;
    }
    void append(const void* bytes, std::size_t n) {
        if (n != 0) std::memcpy(extend(n), bytes, n);
    }
    void append(std::string_view text) { append(text.data(), text.size()); }
    void append(std::span<const std::byte> bytes) { append(bytes.data(), bytes.size()); }
    void push(std::uint8_t byte) {
        if (size_ == capacity_) make_room(1);
        data_[size_++] = static_cast<std::byte>(byte);
    }
    // Shrinks or grows; bytes that are new are uninitialised.
    void resize(std::size_t size) {
        if (size > size_) make_room(size - size_);
        size_ = size;
    }
    void clear() noexcept { size_ = 0; }

private:
    std::byte* data_ = nullptr;
    std::size_t size_ = 0;
    std::size_t capacity_ = 0;
};

}  // namespace weft::mesh
