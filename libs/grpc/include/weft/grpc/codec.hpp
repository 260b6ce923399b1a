// How a message type becomes bytes and back. Specialise Codec for your own types; std::string is raw bytes,
// and <weft/grpc/protobuf.hpp> does protobuf's messages.
#pragma once

#include <cstddef>
#include <cstring>
#include <span>
#include <string>

namespace weft::grpc {

// A specialisation has:
//     static std::size_t size(const T& message);                      // bytes that write() makes
//     static void write(const T& message, std::byte* out, std::size_t size);
//     static bool read(std::span<const std::byte> bytes, T& message); // false: the bytes are not a T
// size() comes directly before write() with the same message.
template <class T>
struct Codec;

template <>
struct Codec<std::string> {
    static std::size_t size(const std::string& message) noexcept { return message.size(); }
    static void write(const std::string& message, std::byte* out, std::size_t size) noexcept {
        if (size != 0) std::memcpy(out, message.data(), size);
    }
    static bool read(std::span<const std::byte> bytes, std::string& message) {
        message.assign(reinterpret_cast<const char*>(bytes.data()), bytes.size());
        return true;
    }
};

}  // namespace weft::grpc
