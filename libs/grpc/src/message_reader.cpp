#include "message_reader.hpp"

#include "compressor.hpp"

namespace weft::grpc {

std::size_t MessageReader::length() const noexcept {
    if (buffer_.size() < prefix_size) return 0;
    const std::byte* at = buffer_.data();
    return std::to_integer<std::size_t>(at[1]) << 24 | std::to_integer<std::size_t>(at[2]) << 16 |
           std::to_integer<std::size_t>(at[3]) << 8 | std::to_integer<std::size_t>(at[4]);
}

MessageReader::Front MessageReader::front() const noexcept {
    if (buffer_.size() < prefix_size) return Front::nothing;
    const auto flag = std::to_integer<unsigned>(buffer_.data()[0]);
    if (flag > 1) return Front::bad_flag;
    if (length() > limit_) return Front::too_large;
    if (flag == 1 && encoding_ == Compression::identity) return Front::compressed;
    return buffer_.size() - prefix_size >= length() ? Front::message : Front::nothing;
}

MessageReader::Payload MessageReader::decode() {
    last_compressed_ = buffer_.data()[0] != std::byte{0};
    if (decoded_ || !last_compressed_) return Payload::ok;
    switch (wire::decompress(encoding_, buffer_.bytes().subspan(prefix_size, length()), limit_, plain_)) {
        case wire::DecompressResult::ok:
            decoded_ = true;
            return Payload::ok;
        case wire::DecompressResult::too_large:
            return Payload::too_large;
        case wire::DecompressResult::corrupt:
            break;
    }
    return Payload::corrupt;
}

std::string MessageReader::too_large_text() const {
    return "a message of " + std::to_string(length()) + " bytes is over the limit of " +
           std::to_string(limit_);
}

}  // namespace weft::grpc
