// Values as Python's pickle, protocol 4: what every CPython since 3.4 reads.
#include "codec.hpp"
#include "pickle_opcodes.hpp"

#include <weft/mesh/error.hpp>
#include <weft/mesh/frame.hpp>

#include <bit>

namespace weft::mesh {

namespace {

void store(std::uint8_t op, std::uint64_t value, std::size_t size, Buffer& out) {
    std::byte* at = out.extend(1 + size);
    *at = static_cast<std::byte>(op);
    for (std::size_t i = 0; i < size; ++i) at[1 + i] = static_cast<std::byte>(value >> (8 * i));
}

void write(const Value& value, Buffer& out, int depth) {
    if (depth > max_depth) throw EncodeError("the value is nested deeper than " + std::to_string(max_depth));
    const auto items = [&](const std::vector<Value>& values) {
        for (const Value& item : values) write(item, out, depth + 1);
    };
    switch (value.kind()) {
        case Kind::null:
            out.push(op_none);
            break;
        case Kind::boolean:
            out.push(*value.get_if<bool>() ? op_newtrue : op_newfalse);
            break;
        case Kind::integer: {
            const std::int64_t number = *value.get_if<std::int64_t>();
            const auto bits = static_cast<std::uint64_t>(number);
            if (number >= 0 && number <= 0xff) {
                store(op_binint1, bits, 1, out);
            } else if (number >= 0 && number <= 0xffff) {
                store(op_binint2, bits, 2, out);
            } else if (number >= INT32_MIN && number <= INT32_MAX) {
                store(op_binint, bits, 4, out);
            } else {
                store(op_long1, 8, 1, out);
                for (int i = 0; i < 8; ++i) out.push(static_cast<std::uint8_t>(bits >> (8 * i)));
            }
            break;
        }
        case Kind::big: {
            const std::uint64_t bits = *value.get_if<std::uint64_t>();
            store(op_long1, 9, 1, out);
            for (int i = 0; i < 8; ++i) out.push(static_cast<std::uint8_t>(bits >> (8 * i)));
            out.push(0);
            break;
        }
        case Kind::real: {
            const auto bits = std::bit_cast<std::uint64_t>(*value.get_if<double>());
            out.push(op_binfloat);
            for (int i = 7; i >= 0; --i) out.push(static_cast<std::uint8_t>(bits >> (8 * i)));
            break;
        }
        case Kind::text: {
            const auto& text = *value.get_if<std::string>();
            if (!valid_utf8(text)) throw EncodeError("a text is not UTF-8; send it as Bytes");
            if (text.size() <= 0xff) {
                store(op_short_binunicode, text.size(), 1, out);
            } else if (text.size() <= 0xffffffff) {
                store(op_binunicode, text.size(), 4, out);
            } else {
                store(op_binunicode8, text.size(), 8, out);
            }
            out.append(std::string_view(text));
            break;
        }
        case Kind::bytes: {
            const auto& bytes = *value.get_if<Bytes>();
            if (bytes.size() <= 0xff) {
                store(op_short_binbytes, bytes.size(), 1, out);
            } else if (bytes.size() <= 0xffffffff) {
                store(op_binbytes, bytes.size(), 4, out);
            } else {
                store(op_binbytes8, bytes.size(), 8, out);
            }
            out.append(std::span<const std::byte>(bytes));
            break;
        }
        case Kind::list:
            out.push(op_empty_list);
            if (value.size() == 0) break;
            out.push(op_mark);
            items(value.get_if<List>()->items);
            out.push(op_appends);
            break;
        case Kind::tuple: {
            const auto& values = value.get_if<Tuple>()->items;
            if (values.empty()) {
                out.push(op_empty_tuple);
                break;
            }
            if (values.size() > 3) out.push(op_mark);
            items(values);
            out.push(values.size() > 3 ? std::uint8_t{op_tuple}
                                       : static_cast<std::uint8_t>(op_tuple1 + values.size() - 1));
            break;
        }
        case Kind::set:
            out.push(op_empty_set);
            if (value.size() == 0) break;
            out.push(op_mark);
            items(value.get_if<Set>()->items);
            out.push(op_additems);
            break;
        case Kind::dict:
            out.push(op_empty_dict);
            if (value.size() == 0) break;
            out.push(op_mark);
            for (const DictEntry& entry : value.get_if<Dict>()->entries) {
                write(entry.key, out, depth + 1);
                write(entry.value, out, depth + 1);
            }
            out.push(op_setitems);
            break;
    }
}

}  // namespace

void write_pickle_value(const Value& value, Buffer& out) { write(value, out, 0); }

}  // namespace weft::mesh
