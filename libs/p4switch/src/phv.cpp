#include "phv.hpp"

namespace weft::p4switch {

WideInt load_wide(const Phv& phv, const Field& field) {
    std::uint32_t width = field.width;
    if (field.kind == FieldKind::varbit) width = phv.var_bytes[field.header] * 8;
    if (field.kind != FieldKind::wide && field.kind != FieldKind::varbit) {
        const std::uint64_t value = load(phv, field);
        if (field.is_signed) return WideInt(static_cast<std::int64_t>(value));
        return WideInt::from_limbs(&value, 1);
    }
    if (width == 0) return WideInt();
    std::uint64_t inline_limbs[8] = {};
    std::vector<std::uint64_t> many;
    const std::size_t count = (width + 63) / 64;
    std::uint64_t* limbs = inline_limbs;
    if (count > std::size(inline_limbs)) {
        many.resize(count);
        limbs = many.data();
    }
    std::uint32_t end = field.bit + width;
    for (std::size_t i = 0; i < count; ++i) {
        const std::uint32_t take = std::min<std::uint32_t>(64, end - field.bit);
        limbs[i] = read_bits(phv.bytes.data(), end - take, take);
        end -= take;
    }
    WideInt value = WideInt::from_limbs(limbs, count);
    return field.is_signed ? value.sign_extended(width) : value;
}

void store_wide(Phv& phv, const Field& field, const WideInt& value) {
    const WideInt* kept = &value;
    WideInt clamped;
    if (field.saturating) {
        const std::size_t top = field.is_signed ? field.width - 1 : field.width;
        clamped = WideInt::ones(top);
        const WideInt lowest = field.is_signed ? ~clamped : WideInt();
        if (value < lowest) clamped = lowest;
        if (value >= lowest && value <= clamped) clamped = value;
        kept = &clamped;
    }
    if (field.kind != FieldKind::wide) {
        store(phv, field, static_cast<std::uint64_t>(kept->low()));
        return;
    }
    std::uint32_t end = field.bit + field.width;
    for (std::size_t i = 0; end > field.bit; ++i) {
        const std::uint32_t take = std::min<std::uint32_t>(64, end - field.bit);
        write_bits(phv.bytes.data(), end - take, take, kept->limb(i));
        end -= take;
    }
}

void copy_field(Phv& to, const Phv& from, const Field& field) {
    if (field.kind == FieldKind::validity) {
        to.valid[field.header] = from.valid[field.header];
        return;
    }
    if (field.kind == FieldKind::varbit) to.var_bytes[field.header] = from.var_bytes[field.header];
    copy_bits(to.bytes.data(), field.bit, from.bytes.data(), field.bit, field.width);
}

void copy_header(const Layout& layout, Phv& to, std::uint32_t to_header, const Phv& from,
                 std::uint32_t from_header) {
    const Header& target = layout.headers[to_header];
    const Header& source = layout.headers[from_header];
    std::memmove(to.bytes.data() + target.offset, from.bytes.data() + source.offset, target.storage);
    to.valid[to_header] = from.valid[from_header];
    to.var_bytes[to_header] = from.var_bytes[from_header];
}

}  // namespace weft::p4switch
