#include "hash.hpp"

#include "bits.hpp"

#include <array>
#include <bit>

namespace weft::p4switch {
namespace {

using Bytes = std::span<const std::uint8_t>;

// Reflected CRCs: the polynomial bit-reversed, least significant bit first.
template <class T, T reversed>
constexpr std::array<T, 256> reflected_table() {
    std::array<T, 256> table{};
    for (unsigned i = 0; i < 256; ++i) {
        T value = static_cast<T>(i);
        for (int bit = 0; bit < 8; ++bit)
            value = static_cast<T>((value >> 1) ^ ((value & 1) != 0 ? reversed : T{0}));
        table[i] = value;
    }
    return table;
}

template <class T, T polynomial>
constexpr std::array<T, 256> plain_table() {
    constexpr unsigned width = sizeof(T) * 8;
    std::array<T, 256> table{};
    for (unsigned i = 0; i < 256; ++i) {
        T value = static_cast<T>(static_cast<T>(i) << (width - 8));
        for (int bit = 0; bit < 8; ++bit)
            value = static_cast<T>((value << 1) ^ ((value >> (width - 1)) != 0 ? polynomial : T{0}));
        table[i] = value;
    }
    return table;
}

constexpr auto crc16_table = reflected_table<std::uint16_t, 0xa001>();
constexpr auto crc32_table = reflected_table<std::uint32_t, 0xedb88320>();
constexpr auto crc64_table = reflected_table<std::uint64_t, 0xd800000000000000>();
constexpr auto ccitt_table = plain_table<std::uint16_t, 0x1021>();
constexpr auto crc8_table = plain_table<std::uint8_t, 0x07>();

template <class T>
T reflected(const std::array<T, 256>& table, T value, Bytes bytes) {
    for (std::uint8_t byte : bytes) value = static_cast<T>((value >> 8) ^ table[(value ^ byte) & 0xff]);
    return value;
}

// RFC 1071; summed in 32-bit words, which gives the same one's complement sum.
std::uint64_t internet_checksum(Bytes bytes) {
    std::uint64_t sum = 0;
    std::size_t i = 0;
    for (; i + 4 <= bytes.size(); i += 4) {
        std::uint32_t word;
        std::memcpy(&word, bytes.data() + i, 4);
        sum += word;
    }
    for (; i < bytes.size(); ++i) {
        const unsigned shift = std::endian::native == std::endian::little ? (i % 2) * 8 : 8 - (i % 2) * 8;
        sum += static_cast<std::uint64_t>(bytes[i]) << shift;
    }
    while ((sum >> 16) != 0) sum = (sum & 0xffff) + (sum >> 16);
    const auto native = static_cast<std::uint16_t>(~sum);
    return std::endian::native == std::endian::little ? __builtin_bswap16(native) : native;
}

std::uint64_t xor_words(Bytes bytes, unsigned width) {
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < bytes.size(); ++i)
        value ^= static_cast<std::uint64_t>(bytes[i]) << (8 * (width - 1 - i % width));
    return value;
}

std::uint64_t identity(Bytes bytes) {
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < bytes.size() && i < 8; ++i) value = (value << 8) | bytes[i];
    return value;
}

std::uint64_t load_le64(const std::uint8_t* at) {
    std::uint64_t value = 0;
    for (int i = 7; i >= 0; --i) value = (value << 8) | at[i];
    return value;
}

std::uint64_t xxh64(Bytes bytes) {
    constexpr std::uint64_t p1 = 0x9e3779b185ebca87, p2 = 0xc2b2ae3d27d4eb4f, p3 = 0x165667b19e3779f9,
                            p4 = 0x85ebca77c2b2ae63, p5 = 0x27d4eb2f165667c5;
    const auto round = [](std::uint64_t lane, std::uint64_t input) {
        return std::rotl(lane + input * p2, 31) * p1;
    };
    const std::uint8_t* at = bytes.data();
    std::size_t left = bytes.size();
    std::uint64_t hash = p5;
    if (left >= 32) {
        std::uint64_t lanes[4] = {p1 + p2, p2, 0, 0 - p1};
        for (; left >= 32; left -= 32)
            for (std::uint64_t& lane : lanes) {
                lane = round(lane, load_le64(at));
                at += 8;
            }
        hash = std::rotl(lanes[0], 1) + std::rotl(lanes[1], 7) + std::rotl(lanes[2], 12) +
               std::rotl(lanes[3], 18);
        for (std::uint64_t lane : lanes) hash = (hash ^ round(0, lane)) * p1 + p4;
    }
    hash += bytes.size();
    for (; left >= 8; left -= 8, at += 8) hash = std::rotl(hash ^ round(0, load_le64(at)), 27) * p1 + p4;
    if (left >= 4) {
        std::uint64_t word = 0;
        for (int i = 3; i >= 0; --i) word = (word << 8) | at[i];
        hash = std::rotl(hash ^ (word * p1), 23) * p2 + p3;
        at += 4;
        left -= 4;
    }
    for (; left > 0; --left, ++at) hash = std::rotl(hash ^ (*at * p5), 11) * p1;
    hash = (hash ^ (hash >> 33)) * p2;
    hash = (hash ^ (hash >> 29)) * p3;
    return hash ^ (hash >> 32);
}

std::uint64_t hash_ex(Bytes bytes) {
    std::uint32_t hash = 2166136261U;
    for (std::uint8_t byte : bytes)
        hash = (hash ^ static_cast<std::uint32_t>(static_cast<std::int8_t>(byte))) * 16777619U;
    hash += hash << 13;
    hash ^= hash >> 7;
    hash += hash << 3;
    hash ^= hash >> 17;
    hash += hash << 5;
    return hash;
}

}  // namespace

std::uint64_t hash_bytes(HashAlgorithm algorithm, Bytes bytes) {
    switch (algorithm) {
        case HashAlgorithm::crc16:
            return reflected<std::uint16_t>(crc16_table, 0, bytes);
        case HashAlgorithm::crc32:
            return ~reflected<std::uint32_t>(crc32_table, 0xffffffff, bytes) & 0xffffffff;
        case HashAlgorithm::crc64:
            return reflected<std::uint64_t>(crc64_table, 0, bytes);
        case HashAlgorithm::crc_ccitt: {
            std::uint16_t value = 0xffff;
            for (std::uint8_t byte : bytes)
                value = static_cast<std::uint16_t>((value << 8) ^ ccitt_table[(value >> 8) ^ byte]);
            return value;
        }
        case HashAlgorithm::crc8: {
            std::uint8_t value = 0;
            for (std::uint8_t byte : bytes) value = crc8_table[value ^ byte];
            return value;
        }
        case HashAlgorithm::csum16:
            return internet_checksum(bytes);
        case HashAlgorithm::xor16:
            return xor_words(bytes, 2);
        case HashAlgorithm::xor32:
            return xor_words(bytes, 4);
        case HashAlgorithm::identity:
            return identity(bytes);
        case HashAlgorithm::xxh64:
            return xxh64(bytes);
        case HashAlgorithm::hash_ex:
            return hash_ex(bytes);
        // BMv2's key is all zero until somebody sets one, and then so is every result.
        case HashAlgorithm::toeplitz:
        case HashAlgorithm::round_robin:
            return 0;
    }
    return 0;
}

}  // namespace weft::p4switch
