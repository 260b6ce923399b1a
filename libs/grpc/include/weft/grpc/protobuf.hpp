// Protobuf messages on calls. Generated code includes it; the rest of the library does not.
#pragma once

#include <weft/grpc/codec.hpp>

#include <google/protobuf/message_lite.h>

#include <climits>
#include <concepts>

namespace weft::grpc {

template <std::derived_from<google::protobuf::MessageLite> T>
struct Codec<T> {
    static std::size_t size(const T& message) { return message.ByteSizeLong(); }
    static void write(const T& message, std::byte* out, std::size_t) {
        // size() has just cached the sizes of every part.
        message.SerializeWithCachedSizesToArray(reinterpret_cast<google::protobuf::uint8*>(out));
    }
    static bool read(std::span<const std::byte> bytes, T& message) {
        return bytes.size() <= INT_MAX &&
               message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
    }
};

}  // namespace weft::grpc
