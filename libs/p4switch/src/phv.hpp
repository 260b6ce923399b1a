// The packet header vector: every header and metadata field of a packet in one flat byte array.
//
// Headers lie in wire layout, so extraction and deparsing copy bytes; a field is loaded as a big-endian
// 64-bit window, a shift and a mask that the loader worked out. Writes to invalid headers are kept (BMv2 does
// so too).
#pragma once

#include "bits.hpp"
#include "wide_int.hpp"

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

namespace weft::p4switch {

inline constexpr std::uint32_t none = 0xffffffff;

enum class FieldKind : std::uint8_t {
    window,    // up to 64 bits inside one 8-byte window
    straddle,  // up to 64 bits over nine bytes
    wide,      // more than 64 bits
    varbit,    // the variable part of a header
    validity,  // $valid$
};

struct Field {
    std::string name;
    FieldKind kind = FieldKind::window;
    std::uint8_t shift = 0;
    bool is_signed = false;
    bool saturating = false;
    std::uint32_t width = 0;   // bits; varbit: the most it can have
    std::uint32_t window = 0;  // byte offset of the 8-byte window
    std::uint64_t mask = 0;
    std::uint32_t bit = 0;  // bit offset in the vector
    std::uint32_t header = 0;
};

struct Header {
    std::string name;
    std::uint32_t type = 0;
    bool metadata = false;
    std::uint32_t offset = 0;       // bytes in the vector
    std::uint32_t storage = 0;      // bytes in the vector, the variable part at its longest
    std::uint32_t fixed_bytes = 0;  // without the variable part
    std::uint32_t first_field = 0;  // $valid$ is the last one
    std::uint32_t field_count = 0;  // with $valid$
    std::uint32_t var_field = none;
    std::uint32_t var_offset = 0;  // bytes from `offset`
    std::uint32_t var_max = 0;     // bytes
    std::uint32_t in_union = none;
};

struct Layout {
    std::vector<Field> fields;
    std::vector<Header> headers;
    std::vector<std::vector<std::uint32_t>> stacks;  // element headers
    std::vector<std::vector<std::uint32_t>> unions;  // member headers
    std::vector<std::vector<std::uint32_t>> union_stacks;
    std::uint32_t bytes = 0;
};

class Phv {
public:
    static constexpr std::size_t slack = 16;  // a window may reach beyond the last field

    explicit Phv(const Layout& layout)
        : bytes(layout.bytes + slack),
          valid(layout.headers.size()),
          var_bytes(layout.headers.size()),
          next(layout.stacks.size()),
          union_next(layout.union_stacks.size()) {
        for (const Header& header : layout.headers) metadata_.push_back(header.metadata ? 1 : 0);
        reset();
    }

    // As at the start of a packet: all headers invalid, all fields zero.
    void reset() {
        std::fill(bytes.begin(), bytes.end(), std::uint8_t{0});
        std::copy(metadata_.begin(), metadata_.end(), valid.begin());
        std::fill(var_bytes.begin(), var_bytes.end(), 0U);
        std::fill(next.begin(), next.end(), 0U);
        std::fill(union_next.begin(), union_next.end(), 0U);
    }

    std::vector<std::uint8_t> bytes;
    std::vector<std::uint8_t> valid;       // by header
    std::vector<std::uint32_t> var_bytes;  // by header: current length of the variable part
    std::vector<std::uint32_t> next;       // by stack
    std::vector<std::uint32_t> union_next;

private:
    std::vector<std::uint8_t> metadata_;
};

// The low 64 bits of a field, sign-extended when it is signed.
inline std::uint64_t load(const Phv& phv, const Field& field) {
    std::uint64_t value;
    switch (field.kind) {
        case FieldKind::window:
            value = (load_be64(phv.bytes.data() + field.window) >> field.shift) & field.mask;
            break;
        case FieldKind::straddle:
            value = read_bits(phv.bytes.data(), field.bit, field.width);
            break;
        case FieldKind::wide:
            return read_bits(phv.bytes.data(), field.bit + field.width - 64, 64);
        case FieldKind::validity:
            return phv.valid[field.header];
        default: {
            const std::uint32_t bits = phv.var_bytes[field.header] * 8;
            const std::uint32_t take = std::min(bits, 64U);
            return take == 0 ? 0 : read_bits(phv.bytes.data(), field.bit + bits - take, take);
        }
    }
    if (field.is_signed && field.width < 64 && ((value >> (field.width - 1)) & 1) != 0) value |= ~field.mask;
    return value;
}

inline void store(Phv& phv, const Field& field, std::uint64_t value) {
    switch (field.kind) {
        case FieldKind::window: {
            std::uint8_t* at = phv.bytes.data() + field.window;
            const std::uint64_t clear = ~(field.mask << field.shift);
            store_be64(at, (load_be64(at) & clear) | ((value & field.mask) << field.shift));
            return;
        }
        case FieldKind::straddle:
            write_bits(phv.bytes.data(), field.bit, field.width, value);
            return;
        case FieldKind::wide: {
            const std::uint64_t fill = (value >> 63) != 0 && field.is_signed ? ~std::uint64_t{0} : 0;
            std::uint32_t bits = field.width - 64, bit = field.bit;
            while (bits > 0) {
                const unsigned take = bits < 64 ? bits : 64;
                write_bits(phv.bytes.data(), bit, take, fill);
                bit += take;
                bits -= take;
            }
            write_bits(phv.bytes.data(), bit, 64, value);
            return;
        }
        case FieldKind::validity:
            phv.valid[field.header] = value != 0 ? 1 : 0;
            return;
        case FieldKind::varbit:
            return;
    }
}

[[nodiscard]] WideInt load_wide(const Phv& phv, const Field& field);

// Cuts `value` to the field, or clamps it when the field saturates.
void store_wide(Phv& phv, const Field& field, const WideInt& value);

// Every bit of the field, of the same field in another vector of the same layout.
void copy_field(Phv& to, const Phv& from, const Field& field);

// Contents, validity and variable length of a header of the same type.
void copy_header(const Layout& layout, Phv& to, std::uint32_t to_header, const Phv& from,
                 std::uint32_t from_header);

// Bytes that the header has on the wire now.
inline std::uint32_t wire_bytes(const Phv& phv, const Header& header, std::uint32_t index) {
    return header.fixed_bytes + (header.var_field == none ? 0 : phv.var_bytes[index]);
}

}  // namespace weft::p4switch
