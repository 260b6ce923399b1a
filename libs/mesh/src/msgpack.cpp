// MessagePack as Python's msgpack reads and writes it: str8 and bin in use, any value a key.
#include "codec.hpp"

#include <weft/mesh/error.hpp>
#include <weft/mesh/frame.hpp>

#include <bit>
#include <limits>

namespace weft::mesh {

namespace {

template <class T>
T load_big_endian(const std::byte* bytes) noexcept {
    T value = 0;
    for (std::size_t i = 0; i < sizeof(T); ++i)
        value = static_cast<T>(static_cast<T>(value << 8) | std::to_integer<T>(bytes[i]));
    return value;
}
template <>
std::uint8_t load_big_endian<std::uint8_t>(const std::byte* bytes) noexcept {
    return std::to_integer<std::uint8_t>(*bytes);
}

class MsgpackReader {
public:
    MsgpackReader(std::span<const std::byte> bytes, std::string& why)
        : at_(bytes.data()), begin_(at_), end_(at_ + bytes.size()), why_(why) {}

    bool document(Value& out) {
        if (!value(out, 0)) return false;
        return at_ == end_ || fail("something follows the value");
    }

private:
    bool fail(std::string_view reason) {
        why_ = "MSGPACK, byte " + std::to_string(at_ - begin_) + ": " + std::string(reason);
        return false;
    }
    [[nodiscard]] std::size_t left() const { return static_cast<std::size_t>(end_ - at_); }

    template <class T>
    bool load(T& out) {
        if (left() < sizeof(T)) return fail("the message is cut");
        out = load_big_endian<T>(at_);
        at_ += sizeof(T);
        return true;
    }
    template <class Unsigned, class Number>
    bool integer(Value& out) {
        Unsigned raw = 0;
        if (!load(raw)) return false;
        out = static_cast<Number>(raw);
        return true;
    }
    bool text(std::size_t size, Value& out) {
        if (size > left()) return fail("the message is cut");
        const std::string_view bytes(reinterpret_cast<const char*>(at_), size);
        if (!valid_utf8(bytes)) return fail("a text is not UTF-8");
        out.emplace<std::string>(bytes);
        at_ += size;
        return true;
    }
    bool binary(std::size_t size, Value& out) {
        if (size > left()) return fail("the message is cut");
        out.emplace<Bytes>(at_, at_ + size);
        at_ += size;
        return true;
    }
    bool array(std::size_t count, Value& out, int depth) {
        // Each item takes a byte at least: what is announced can be believed up to here.
        if (count > left()) return fail("the message is cut");
        List& list = out.emplace<List>();
        list.items.reserve(std::min<std::size_t>(count, 4096));
        for (std::size_t i = 0; i < count; ++i)
            if (!value(list.items.emplace_back(), depth + 1)) return false;
        return true;
    }
    bool map(std::size_t count, Value& out, int depth) {
        if (count > left() / 2) return fail("the message is cut");
        Dict& dict = out.emplace<Dict>();
        dict.entries.reserve(std::min<std::size_t>(count, 4096));
        for (std::size_t i = 0; i < count; ++i) {
            DictEntry& entry = dict.entries.emplace_back();
            if (!value(entry.key, depth + 1) || !value(entry.value, depth + 1)) return false;
        }
        return true;
    }
    template <class Size>
    bool sized(bool (MsgpackReader::*read)(std::size_t, Value&), Value& out) {
        Size size = 0;
        return load(size) && (this->*read)(size, out);
    }
    template <class Size>
    bool counted(bool (MsgpackReader::*read)(std::size_t, Value&, int), Value& out, int depth) {
        Size size = 0;
        return load(size) && (this->*read)(size, out, depth);
    }

    bool value(Value& out, int depth) {
        if (depth > max_depth) return fail("nested too deeply");
        if (++values_ > max_values) return fail("more than 8 Mi values");
        std::uint8_t tag = 0;
        if (!load(tag)) return false;
        if (tag <= 0x7f) return out = tag, true;
        if (tag >= 0xe0) return out = static_cast<std::int8_t>(tag), true;
        if (tag <= 0x8f) return map(tag & 0x0f, out, depth);
        if (tag <= 0x9f) return array(tag & 0x0f, out, depth);
        if (tag <= 0xbf) return text(tag & 0x1f, out);
        switch (tag) {
            case 0xc0:
                return out = nullptr, true;
            case 0xc2:
                return out = false, true;
            case 0xc3:
                return out = true, true;
            case 0xc4:
                return sized<std::uint8_t>(&MsgpackReader::binary, out);
            case 0xc5:
                return sized<std::uint16_t>(&MsgpackReader::binary, out);
            case 0xc6:
                return sized<std::uint32_t>(&MsgpackReader::binary, out);
            case 0xca: {
                std::uint32_t bits = 0;
                if (!load(bits)) return false;
                out = static_cast<double>(std::bit_cast<float>(bits));
                return true;
            }
            case 0xcb: {
                std::uint64_t bits = 0;
                if (!load(bits)) return false;
                out = std::bit_cast<double>(bits);
                return true;
            }
            case 0xcc:
                return integer<std::uint8_t, std::uint8_t>(out);
            case 0xcd:
                return integer<std::uint16_t, std::uint16_t>(out);
            case 0xce:
                return integer<std::uint32_t, std::uint32_t>(out);
            case 0xcf:
                return integer<std::uint64_t, std::uint64_t>(out);
            case 0xd0:
                return integer<std::uint8_t, std::int8_t>(out);
            case 0xd1:
                return integer<std::uint16_t, std::int16_t>(out);
            case 0xd2:
                return integer<std::uint32_t, std::int32_t>(out);
            case 0xd3:
                return integer<std::uint64_t, std::int64_t>(out);
            case 0xd9:
                return sized<std::uint8_t>(&MsgpackReader::text, out);
            case 0xda:
                return sized<std::uint16_t>(&MsgpackReader::text, out);
            case 0xdb:
                return sized<std::uint32_t>(&MsgpackReader::text, out);
            case 0xdc:
                return counted<std::uint16_t>(&MsgpackReader::array, out, depth);
            case 0xdd:
                return counted<std::uint32_t>(&MsgpackReader::array, out, depth);
            case 0xde:
                return counted<std::uint16_t>(&MsgpackReader::map, out, depth);
            case 0xdf:
                return counted<std::uint32_t>(&MsgpackReader::map, out, depth);
            case 0xc1:
                return fail("0xc1 begins nothing");
            default:
                return fail("an extension type, which is not plain data");
        }
    }

    const std::byte* at_;
    const std::byte* begin_;
    const std::byte* end_;
    std::string& why_;
    std::size_t values_ = 0;
};

template <class T>
void store_big_endian(std::uint8_t tag, T value, Buffer& out) {
    std::byte* at = out.extend(1 + sizeof(T));
    *at++ = static_cast<std::byte>(tag);
    for (std::size_t i = 0; i < sizeof(T); ++i)
        at[i] = static_cast<std::byte>(static_cast<std::uint64_t>(value) >> 8 * (sizeof(T) - 1 - i));
}

std::uint32_t checked_size(std::size_t size) {
    if (size > std::numeric_limits<std::uint32_t>::max())
        throw EncodeError("MSGPACK holds no more than 4 GiB in one value");
    return static_cast<std::uint32_t>(size);
}

void write_signed(std::int64_t number, Buffer& out) {
    if (number >= 0) {
        const auto n = static_cast<std::uint64_t>(number);
        if (n <= 0x7f) return out.push(static_cast<std::uint8_t>(n));
        if (n <= 0xff) return store_big_endian(0xcc, static_cast<std::uint8_t>(n), out);
        if (n <= 0xffff) return store_big_endian(0xcd, static_cast<std::uint16_t>(n), out);
        if (n <= 0xffffffff) return store_big_endian(0xce, static_cast<std::uint32_t>(n), out);
        return store_big_endian(0xcf, n, out);
    }
    if (number >= -32) return out.push(static_cast<std::uint8_t>(number));
    if (number >= INT8_MIN) return store_big_endian(0xd0, static_cast<std::uint8_t>(number), out);
    if (number >= INT16_MIN) return store_big_endian(0xd1, static_cast<std::uint16_t>(number), out);
    if (number >= INT32_MIN) return store_big_endian(0xd2, static_cast<std::uint32_t>(number), out);
    store_big_endian(0xd3, static_cast<std::uint64_t>(number), out);
}

void write(const Value& value, Buffer& out, int depth) {
    if (depth > max_depth) throw EncodeError("the value is nested deeper than " + std::to_string(max_depth));
    const auto items = [&](const std::vector<Value>& values) {
        write_msgpack_array(values.size(), out);
        for (const Value& item : values) write(item, out, depth + 1);
    };
    switch (value.kind()) {
        case Kind::null:
            out.push(0xc0);
            break;
        case Kind::boolean:
            out.push(*value.get_if<bool>() ? 0xc3 : 0xc2);
            break;
        case Kind::integer:
            write_signed(*value.get_if<std::int64_t>(), out);
            break;
        case Kind::big:
            store_big_endian(0xcf, *value.get_if<std::uint64_t>(), out);
            break;
        case Kind::real:
            store_big_endian(0xcb, std::bit_cast<std::uint64_t>(*value.get_if<double>()), out);
            break;
        case Kind::text: {
            const auto& text = *value.get_if<std::string>();
            if (!valid_utf8(text)) throw EncodeError("a text is not UTF-8; send it as Bytes");
            const std::uint32_t size = checked_size(text.size());
            if (size < 32) {
                out.push(static_cast<std::uint8_t>(0xa0 | size));
            } else if (size <= 0xff) {
                store_big_endian(0xd9, static_cast<std::uint8_t>(size), out);
            } else if (size <= 0xffff) {
                store_big_endian(0xda, static_cast<std::uint16_t>(size), out);
            } else {
                store_big_endian(0xdb, size, out);
            }
            out.append(std::string_view(text));
            break;
        }
        case Kind::bytes: {
            const auto& bytes = *value.get_if<Bytes>();
            const std::uint32_t size = checked_size(bytes.size());
            if (size <= 0xff) {
                store_big_endian(0xc4, static_cast<std::uint8_t>(size), out);
            } else if (size <= 0xffff) {
                store_big_endian(0xc5, static_cast<std::uint16_t>(size), out);
            } else {
                store_big_endian(0xc6, size, out);
            }
            out.append(std::span<const std::byte>(bytes));
            break;
        }
        case Kind::list:
            items(value.get_if<List>()->items);
            break;
        case Kind::tuple:
            items(value.get_if<Tuple>()->items);
            break;
        case Kind::dict: {
            const auto& entries = value.get_if<Dict>()->entries;
            const std::uint32_t size = checked_size(entries.size());
            if (size < 16) {
                out.push(static_cast<std::uint8_t>(0x80 | size));
            } else if (size <= 0xffff) {
                store_big_endian(0xde, static_cast<std::uint16_t>(size), out);
            } else {
                store_big_endian(0xdf, size, out);
            }
            for (const DictEntry& entry : entries) {
                write(entry.key, out, depth + 1);
                write(entry.value, out, depth + 1);
            }
            break;
        }
        case Kind::set:
            throw EncodeError("MSGPACK has no sets; use PICKLE, or a list");
    }
}

}  // namespace

bool read_msgpack(std::span<const std::byte> bytes, Value& out, std::string& why) {
    return MsgpackReader(bytes, why).document(out);
}

void write_msgpack(const Value& value, Buffer& out) { write(value, out, 0); }

void write_msgpack_array(std::size_t count, Buffer& out) {
    const std::uint32_t size = checked_size(count);
    if (size < 16) {
        out.push(static_cast<std::uint8_t>(0x90 | size));
    } else if (size <= 0xffff) {
        store_big_endian(0xdc, static_cast<std::uint16_t>(size), out);
    } else {
        store_big_endian(0xdd, size, out);
    }
}

}  // namespace weft::mesh
