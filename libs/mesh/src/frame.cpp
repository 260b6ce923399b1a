#include <weft/mesh/frame.hpp>

#include <cmath>

namespace weft::mesh {

std::string_view to_string(Serde serde) noexcept {
    switch (serde) {
        case Serde::opaque:
            return "OPAQUE";
        case Serde::json:
            return "JSON";
        case Serde::pickle:
            return "PICKLE";
        case Serde::msgpack:
            return "MSGPACK";
    }
    return "?";
}

std::string_view to_string(FrameFault fault) noexcept {
    switch (fault) {
        case FrameFault::none:
            return "no fault";
        case FrameFault::bad_flag:
            return "the frame's flag is not one of 0 to 5";
        case FrameFault::metadata_too_long:
            return "the metadata is longer than the message that holds it";
        case FrameFault::bad_metadata:
            return "the metadata is not transmitter|receiver|function in UTF-8";
    }
    return "?";
}

FrameFault parse_header(const std::byte* bytes, FrameHeader& out) noexcept {
    std::uint64_t word = 0;
    for (int i = 7; i >= 0; --i) word = word << 8 | std::to_integer<std::uint64_t>(bytes[i]);
    const auto flag = static_cast<std::uint8_t>(word >> 16 & 0xf);
    if (flag > static_cast<std::uint8_t>(Flag::extension)) return FrameFault::bad_flag;
    out.id = static_cast<std::uint16_t>(word);
    out.flag = static_cast<Flag>(flag);
    out.serde = static_cast<Serde>(word >> 20 & 3);
    out.is_bytes = (word >> 22 & 1) != 0;
    out.wants_reply = (word >> 23 & 1) != 0;
    out.message_size = static_cast<std::uint32_t>(word >> 24 & max_message_size);
    out.metadata_size = static_cast<std::uint16_t>(word >> 49);
    out.tail = std::to_integer<std::uint8_t>(bytes[8]);
    return out.metadata_size > out.message_size ? FrameFault::metadata_too_long : FrameFault::none;
}

FrameFault parse_frame(std::span<const std::byte> raw, const FrameHeader& header, Frame& out) noexcept {
    out.header = header;
    out.raw = raw;
    const std::string_view metadata(reinterpret_cast<const char*>(raw.data()) + header_size,
                                    header.metadata_size);
    const std::size_t first = metadata.find('|');
    if (first == std::string_view::npos) return FrameFault::bad_metadata;
    const std::size_t second = metadata.find('|', first + 1);
    if (second == std::string_view::npos) return FrameFault::bad_metadata;
    if (metadata.find('|', second + 1) != std::string_view::npos) return FrameFault::bad_metadata;
    if (!valid_utf8(metadata)) return FrameFault::bad_metadata;
    out.transmitter = metadata.substr(0, first);
    out.receiver = metadata.substr(first + 1, second - first - 1);
    out.function = metadata.substr(second + 1);
    out.data = raw.subspan(header_size + header.metadata_size);
    return FrameFault::none;
}

void write_header(const FrameHeader& header, std::byte* out) noexcept {
    const std::uint64_t word =
        std::uint64_t{header.id} | std::uint64_t{static_cast<std::uint8_t>(header.flag)} << 16 |
        std::uint64_t{static_cast<std::uint8_t>(header.serde)} << 20 | std::uint64_t{header.is_bytes} << 22 |
        std::uint64_t{header.wants_reply} << 23 | std::uint64_t{header.message_size} << 24 |
        std::uint64_t{header.metadata_size} << 49;
    for (int i = 0; i < 8; ++i) out[i] = static_cast<std::byte>(word >> (8 * i));
    out[8] = static_cast<std::byte>(header.tail);
}

FrameWriter::FrameWriter(Buffer& out, std::string_view transmitter, std::string_view receiver,
                         std::string_view function)
    : out_(out),
      start_(out.size()),
      metadata_size_(transmitter.size() + receiver.size() + function.size() + 2),
      ok_(metadata_size_ <= max_metadata_size) {
    if (!ok_) return;
    out_.extend(header_size);
    out_.append(transmitter);
    out_.push('|');
    out_.append(receiver);
    out_.push('|');
    out_.append(function);
}

bool FrameWriter::finish(FrameHeader header, std::size_t more) noexcept {
    const std::size_t size = out_.size() - start_ - header_size + more;
    if (!ok_ || size > max_message_size) {
        abandon();
        return false;
    }
    header.message_size = static_cast<std::uint32_t>(size);
    header.metadata_size = static_cast<std::uint16_t>(metadata_size_);
    write_header(header, out_.data() + start_);
    return true;
}

bool valid_utf8(std::string_view text) noexcept {
    const auto* p = reinterpret_cast<const unsigned char*>(text.data());
    const auto* const end = p + text.size();
    while (p != end) {
        if (end - p >= 8) {
            std::uint64_t eight = 0;
            std::memcpy(&eight, p, 8);
            if ((eight & 0x8080808080808080u) == 0) {
                p += 8;
                continue;
            }
        }
        const unsigned char c = *p;
        if (c < 0x80) {
            ++p;
            continue;
        }
        // RFC 3629 4: the second byte's range excludes overlong forms, surrogates and what is above U+10FFFF.
        int more = 0;
        unsigned char low = 0x80;
        unsigned char high = 0xbf;
        if (c >= 0xc2 && c <= 0xdf) {
            more = 1;
        } else if (c >= 0xe0 && c <= 0xef) {
            more = 2;
            if (c == 0xe0) low = 0xa0;
            if (c == 0xed) high = 0x9f;
        } else if (c >= 0xf0 && c <= 0xf4) {
            more = 3;
            if (c == 0xf0) low = 0x90;
            if (c == 0xf4) high = 0x8f;
        } else {
            return false;
        }
        if (end - p <= more) return false;
        if (p[1] < low || p[1] > high) return false;
        for (int i = 2; i <= more; ++i)
            if ((p[i] & 0xc0) != 0x80) return false;
        p += more + 1;
    }
    return true;
}

bool valid_name(std::string_view name) noexcept {
    if (name.empty() || name.size() > 255) return false;
    for (const char c : name)
        if (c == '|' || c == ',' || static_cast<unsigned char>(c) < 0x20 || c == 0x7f) return false;
    return valid_utf8(name);
}

namespace {

// Class 1 is daffi's own byte (no deadline); class n is 2^((n - 2) / 4) ms.
constexpr unsigned first_class = 2;
constexpr unsigned last_class = 127;
constexpr double classes_per_doubling = 4;

}  // namespace

std::uint8_t encode_deadline(std::uint64_t milliseconds) noexcept {
    if (milliseconds == 0) milliseconds = 1;
    const double exact =
        std::ceil(std::log2(static_cast<double>(milliseconds)) * classes_per_doubling - 1e-9);
    if (exact > last_class - first_class) return plain_tail;
    return static_cast<std::uint8_t>(0x80 | (first_class + static_cast<unsigned>(exact)));
}

std::uint64_t decode_deadline(std::uint8_t tail) noexcept {
    // Without the endian bit it is not a byte that weft or daffi writes.
    if ((tail & 0x80) == 0) return 0;
    const unsigned number = tail & 0x7fu;
    if (number < first_class) return 0;
    return static_cast<std::uint64_t>(
        std::ceil(std::exp2((number - first_class) / classes_per_doubling) - 1e-9));
}

}  // namespace weft::mesh
