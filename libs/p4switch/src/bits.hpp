// Bit fields in byte strings: loads, stores and copies, most significant bit first as packets are.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace weft::p4switch {

inline std::uint64_t byte_swapped(std::uint64_t value) {
    return std::endian::native == std::endian::little ? __builtin_bswap64(value) : value;
}

// Eight bytes at `from` must exist.
inline std::uint64_t load_be64(const std::uint8_t* from) {
    std::uint64_t value;
    std::memcpy(&value, from, sizeof value);
    return byte_swapped(value);
}

inline void store_be64(std::uint8_t* to, std::uint64_t value) {
    value = byte_swapped(value);
    std::memcpy(to, &value, sizeof value);
}

inline std::uint64_t low_mask(unsigned bits) {
    return bits >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << bits) - 1;
}

// Touches only the bytes that hold the bits; bits <= 64.
inline std::uint64_t read_bits(const std::uint8_t* from, std::size_t bit, unsigned bits) {
    std::uint64_t value = 0;
    while (bits > 0) {
        const unsigned inside = static_cast<unsigned>(bit % 8);
        const unsigned take = bits < 8 - inside ? bits : 8 - inside;
        const unsigned chunk = (from[bit / 8] >> (8 - inside - take)) & ((1U << take) - 1);
        value = (value << take) | chunk;
        bit += take;
        bits -= take;
    }
    return value;
}

inline void write_bits(std::uint8_t* to, std::size_t bit, unsigned bits, std::uint64_t value) {
    while (bits > 0) {
        const unsigned inside = static_cast<unsigned>(bit % 8);
        const unsigned take = bits < 8 - inside ? bits : 8 - inside;
        const unsigned mask = (1U << take) - 1;
        const unsigned chunk = static_cast<unsigned>(value >> (bits - take)) & mask;
        const unsigned shift = 8 - inside - take;
        to[bit / 8] = static_cast<std::uint8_t>((to[bit / 8] & ~(mask << shift)) | (chunk << shift));
        bit += take;
        bits -= take;
    }
}

inline void copy_bits(std::uint8_t* to, std::size_t to_bit, const std::uint8_t* from, std::size_t from_bit,
                      std::size_t bits) {
    if (to_bit % 8 == 0 && from_bit % 8 == 0) {
        std::memcpy(to + to_bit / 8, from + from_bit / 8, bits / 8);
        const std::size_t done = bits / 8 * 8;
        to_bit += done;
        from_bit += done;
        bits -= done;
    }
    while (bits > 0) {
        const unsigned take = bits < 56 ? static_cast<unsigned>(bits) : 56;
        write_bits(to, to_bit, take, read_bits(from, from_bit, take));
        to_bit += take;
        from_bit += take;
        bits -= take;
    }
}

}  // namespace weft::p4switch
