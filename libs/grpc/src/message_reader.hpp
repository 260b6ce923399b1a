// MessageReader: cuts received bytes into gRPC's length-prefixed messages.
//
// Messages are looked at where they lie; nothing is copied per message.
#pragma once

#include <weft/grpc/status.hpp>
#include <weft/http2/byte_buffer.hpp>

#include <cstddef>
#include <span>
#include <string>

namespace weft::grpc {

class MessageReader {
public:
    static constexpr std::size_t prefix_size = 5;

    enum class Front {
        nothing,     // less than a complete message
        message,     // message() is valid
        too_large,   // its length is over the limit
        compressed,  // flag 1
        bad_flag,    // flag above 1: not gRPC
    };

    explicit MessageReader(std::size_t limit) noexcept : limit_(limit) {}

    void append(std::span<const std::byte> bytes) { buffer_.append(bytes.data(), bytes.size()); }

    [[nodiscard]] Front front() const noexcept;
    // With Front::message: its payload, valid until the next member that is not const.
    [[nodiscard]] std::span<const std::byte> message() const noexcept {
        return buffer_.bytes().subspan(prefix_size, length());
    }
    void pop() noexcept { buffer_.consume(prefix_size + length()); }

    [[nodiscard]] std::size_t size() const noexcept { return buffer_.size(); }
    [[nodiscard]] bool empty() const noexcept { return buffer_.empty(); }
    // More than one message begins in the buffer.
    [[nodiscard]] bool has_more_than_front() const noexcept {
        return buffer_.size() > prefix_size + length();
    }
    void clear() noexcept { buffer_.clear(); }

    [[nodiscard]] std::size_t limit() const noexcept { return limit_; }
    // "message of 5000000 bytes is over the limit of 4194304"
    [[nodiscard]] std::string too_large_text() const;

private:
    [[nodiscard]] std::size_t length() const noexcept;

    http2::ByteBuffer buffer_;
    std::size_t limit_;
};

}  // namespace weft::grpc
