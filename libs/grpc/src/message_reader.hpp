// MessageReader: cuts received bytes into gRPC's length-prefixed messages.
//
// Messages are looked at where they lie; nothing is copied per message, unless it is compressed.
#pragma once

#include <weft/grpc/compression.hpp>
#include <weft/grpc/status.hpp>
#include <weft/http2/byte_buffer.hpp>

#include <cstddef>
#include <span>
#include <string>
#include <vector>

namespace weft::grpc {

class MessageReader {
public:
    static constexpr std::size_t prefix_size = 5;

    enum class Front {
        nothing,     // less than a complete message
        message,     // message() is valid
        too_large,   // its length is over the limit
        compressed,  // flag 1, and no encoding was agreed
        bad_flag,    // flag above 1: not gRPC
    };

    explicit MessageReader(std::size_t limit) noexcept : limit_(limit) {}

    void append(std::span<const std::byte> bytes) { buffer_.append(bytes.data(), bytes.size()); }

    static void write_prefix(std::byte* out, std::size_t length, bool compressed) noexcept {
        out[0] = compressed ? std::byte{1} : std::byte{0};
        for (int i = 0; i < 4; ++i) out[1 + i] = static_cast<std::byte>(length >> (24 - 8 * i));
    }

    // How messages with flag 1 are compressed.
    void set_encoding(Compression encoding) noexcept { encoding_ = encoding; }

    [[nodiscard]] Front front() const noexcept;
    enum class Payload { ok, corrupt, too_large };
    // With Front::message: makes message() valid. Throws std::bad_alloc.
    [[nodiscard]] Payload decode();
    // After decode(): the payload, valid until the next member that is not const.
    [[nodiscard]] std::span<const std::byte> message() const noexcept {
        if (decoded_) return plain_;
        return buffer_.bytes().subspan(prefix_size, length());
    }
    void pop() noexcept {
        decoded_ = false;
        buffer_.consume(prefix_size + length());
    }

    [[nodiscard]] std::size_t size() const noexcept { return buffer_.size(); }
    [[nodiscard]] bool empty() const noexcept { return buffer_.empty(); }
    // More than one message begins in the buffer.
    [[nodiscard]] bool has_more_than_front() const noexcept {
        return buffer_.size() > prefix_size + length();
    }
    void clear() noexcept {
        decoded_ = false;
        buffer_.clear();
    }

    // The message that was decoded last had flag 1.
    [[nodiscard]] bool last_compressed() const noexcept { return last_compressed_; }
    [[nodiscard]] std::size_t limit() const noexcept { return limit_; }
    // "message of 5000000 bytes is over the limit of 4194304"
    [[nodiscard]] std::string too_large_text() const;

private:
    [[nodiscard]] std::size_t length() const noexcept;

    http2::ByteBuffer buffer_;
    std::vector<std::byte> plain_;
    Compression encoding_ = Compression::identity;
    bool decoded_ = false;
    bool last_compressed_ = false;
    std::size_t limit_;
};

}  // namespace weft::grpc
