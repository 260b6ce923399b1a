// Protobuf messages on calls. Generated code includes it; the rest of the library does not.
//
// libprotobuf prints to stderr when a proto3 string is not UTF-8. A peer must not be able to write there, so
// its LogSilencer is held while a message is written, and while one is read that has bytes outside of ASCII.
// That silences protobuf's warnings of other threads for these moments too; the program's log handler stays.
#pragma once

#include <weft/grpc/codec.hpp>

#include <google/protobuf/message_lite.h>
#include <google/protobuf/stubs/logging.h>

#include <climits>
#include <concepts>
#include <cstdint>
#include <cstring>

namespace weft::grpc {

template <std::derived_from<google::protobuf::MessageLite> T>
struct Codec<T> {
    static std::size_t size(const T& message) { return message.ByteSizeLong(); }
    static void write(const T& message, std::byte* out, std::size_t) {
        const google::protobuf::LogSilencer silent;
        // size() has just cached the sizes of every part.
        message.SerializeWithCachedSizesToArray(reinterpret_cast<google::protobuf::uint8*>(out));
    }
    static bool read(std::span<const std::byte> bytes, T& message) {
        if (bytes.size() > INT_MAX) return false;
        if (is_ascii(bytes)) return message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
        const google::protobuf::LogSilencer silent;
        return message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
    }

private:
    // Then every string in it is UTF-8. Mostly ends at an early byte, or the message is short.
    static bool is_ascii(std::span<const std::byte> bytes) noexcept {
        constexpr std::uint64_t high_bits = 0x8080808080808080;
        while (bytes.size() >= sizeof(std::uint64_t)) {
            std::uint64_t word = 0;
            std::memcpy(&word, bytes.data(), sizeof word);
            if ((word & high_bits) != 0) return false;
            bytes = bytes.subspan(sizeof word);
        }
        for (const std::byte byte : bytes)
            if ((byte & std::byte{0x80}) != std::byte{0}) return false;
        return true;
    }
};

}  // namespace weft::grpc
