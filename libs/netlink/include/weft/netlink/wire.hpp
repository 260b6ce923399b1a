// The netlink wire format: messages and attributes, read with every bound checked and written in place.
//
// No I/O and no clock. Readers never throw and never read outside of what they were given; what does not
// fit ends the walk with malformed() set. Numbers are in host order, as netlink defines them.
#pragma once

#include <weft/netlink/ip_address.hpp>
#include <weft/netlink/mac_address.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace weft::netlink {

using Bytes = std::span<const std::uint8_t>;

// struct nlmsghdr.
struct MessageHeader {
    std::uint32_t length = 0;
    std::uint16_t type = 0;
    std::uint16_t flags = 0;
    std::uint32_t sequence = 0;
    std::uint32_t port = 0;

    static constexpr std::size_t size = 16;
};

// NLM_F_…: header flags that users of this layer need.
namespace flag {
inline constexpr std::uint16_t request = 0x001;
inline constexpr std::uint16_t multi = 0x002;
inline constexpr std::uint16_t ack = 0x004;
inline constexpr std::uint16_t echo = 0x008;
inline constexpr std::uint16_t dump_interrupted = 0x010;
inline constexpr std::uint16_t dump = 0x300;
inline constexpr std::uint16_t replace = 0x100;
inline constexpr std::uint16_t exclusive = 0x200;
inline constexpr std::uint16_t create = 0x400;
inline constexpr std::uint16_t append = 0x800;
inline constexpr std::uint16_t capped = 0x100;    // in an NLMSG_ERROR: the request is not repeated
inline constexpr std::uint16_t ack_tlvs = 0x200;  // in an NLMSG_ERROR or NLMSG_DONE: attributes follow
}  // namespace flag

// A fixed structure at the start of `bytes`; nullopt when they are too few.
template <class T>
    requires std::is_trivially_copyable_v<T>
[[nodiscard]] std::optional<T> read_struct(Bytes bytes) noexcept {
    if (bytes.size() < sizeof(T)) return std::nullopt;
    T value;
    std::memcpy(&value, bytes.data(), sizeof value);
    return value;
}

// One attribute of a message; a view into the message's bytes.
class Attribute {
public:
    Attribute() = default;
    Attribute(std::uint16_t raw_type, Bytes payload) noexcept : raw_type_(raw_type), payload_(payload) {}

    // Without the NESTED and NET_BYTEORDER bits.
    [[nodiscard]] std::uint16_t type() const noexcept { return raw_type_ & 0x3fff; }
    [[nodiscard]] bool marked_nested() const noexcept { return raw_type_ & 0x8000; }
    [[nodiscard]] Bytes payload() const noexcept { return payload_; }

    // The payload as a number; nullopt when it is shorter. A longer one gives its first bytes.
    template <class T>
    [[nodiscard]] std::optional<T> as() const noexcept {
        return read_struct<T>(payload_);
    }
    [[nodiscard]] std::optional<std::uint8_t> u8() const noexcept { return as<std::uint8_t>(); }
    [[nodiscard]] std::optional<std::uint16_t> u16() const noexcept { return as<std::uint16_t>(); }
    [[nodiscard]] std::optional<std::uint32_t> u32() const noexcept { return as<std::uint32_t>(); }
    [[nodiscard]] std::optional<std::uint64_t> u64() const noexcept { return as<std::uint64_t>(); }
    // Up to the first NUL or the end.
    [[nodiscard]] std::string_view text() const noexcept;
    [[nodiscard]] std::optional<IpAddress> ip() const noexcept { return IpAddress::from_bytes(payload_); }
    [[nodiscard]] std::optional<MacAddress> mac() const noexcept { return MacAddress::from_bytes(payload_); }

private:
    std::uint16_t raw_type_ = 0;
    Bytes payload_;
};

// Walks a sequence of attributes:  for (AttributeReader r(bytes); auto a = r.next();) …
class AttributeReader {
public:
    explicit AttributeReader(Bytes bytes) noexcept : bytes_(bytes) {}
    // nullopt at the end, and at the first attribute that is shorter than its header or longer than the rest.
    [[nodiscard]] std::optional<Attribute> next() noexcept;
    // The walk ended before the bytes did.
    [[nodiscard]] bool malformed() const noexcept { return malformed_; }
    // Where the attribute that next() gave last begins.
    [[nodiscard]] std::size_t offset() const noexcept { return current_; }

private:
    Bytes bytes_;
    std::size_t current_ = 0;
    std::size_t next_ = 0;
    bool malformed_ = false;
};

// One message of a datagram; a view into its bytes.
class MessageView {
public:
    MessageView() = default;
    MessageView(const MessageHeader& header, Bytes payload) noexcept : header_(header), payload_(payload) {}

    [[nodiscard]] const MessageHeader& header() const noexcept { return header_; }
    [[nodiscard]] std::uint16_t type() const noexcept { return header_.type; }
    [[nodiscard]] std::uint16_t flags() const noexcept { return header_.flags; }
    [[nodiscard]] std::uint32_t sequence() const noexcept { return header_.sequence; }
    // Everything after the header.
    [[nodiscard]] Bytes payload() const noexcept { return payload_; }
    // The family's fixed structure at the start of the payload; nullopt when the payload is shorter.
    template <class T>
    [[nodiscard]] std::optional<T> fixed() const noexcept {
        return read_struct<T>(payload_);
    }
    // The attributes after a fixed structure of `fixed_size` bytes; none when the payload is shorter.
    [[nodiscard]] AttributeReader attributes(std::size_t fixed_size) const noexcept;

private:
    MessageHeader header_;
    Bytes payload_;
};

// Walks the messages of a datagram.
class MessageReader {
public:
    explicit MessageReader(Bytes datagram) noexcept : bytes_(datagram) {}
    // nullopt at the end, and at the first message that is shorter than its header or longer than the rest.
    [[nodiscard]] std::optional<MessageView> next() noexcept;
    [[nodiscard]] bool malformed() const noexcept { return malformed_; }
    // What next() has not walked over.
    [[nodiscard]] Bytes rest() const noexcept { return bytes_.subspan(next_); }

private:
    Bytes bytes_;
    std::size_t next_ = 0;
    bool malformed_ = false;
};

// What an NLMSG_ERROR or NLMSG_DONE says. code is 0 or a positive errno.
struct Verdict {
    int code = 0;
    std::string text;                         // the kernel's own words (NLMSGERR_ATTR_MSG)
    std::optional<std::uint32_t> offset;      // of the attribute at fault, in the request
    std::optional<std::uint32_t> missing;     // type of an attribute that should have been there
    std::optional<std::uint32_t> missing_in;  // offset of the nest in which it should have been
    Verdict() {}
};

// nullopt when the payload is shorter than its fixed part; attributes that do not parse are left out.
[[nodiscard]] std::optional<Verdict> parse_error(const MessageView& message);
[[nodiscard]] std::optional<Verdict> parse_done(const MessageView& message);

// The types of the attributes around `offset` of a request, outermost first: {18, 2} is attribute 2 inside
// attribute 18. Empty when the offset is in no attribute.
[[nodiscard]] std::vector<std::uint16_t> attribute_path(Bytes request, std::size_t fixed_size,
                                                        std::size_t offset);

// Writes one message. The header's length and the lengths of nests are filled in as it grows.
class MessageBuilder {
public:
    explicit MessageBuilder(std::uint16_t type, std::uint16_t flags = 0);

    // The family's fixed structure. Once, before the first attribute.
    template <class T>
        requires std::is_trivially_copyable_v<T>
    MessageBuilder& fixed(const T& value) {
        append(Bytes(reinterpret_cast<const std::uint8_t*>(&value), sizeof value));
        fixed_size_ = sizeof value;
        return *this;
    }

    MessageBuilder& put(std::uint16_t type, Bytes payload);
    MessageBuilder& put_u8(std::uint16_t type, std::uint8_t value) { return put_number(type, value); }
    MessageBuilder& put_u16(std::uint16_t type, std::uint16_t value) { return put_number(type, value); }
    MessageBuilder& put_u32(std::uint16_t type, std::uint32_t value) { return put_number(type, value); }
    MessageBuilder& put_u64(std::uint16_t type, std::uint64_t value) { return put_number(type, value); }
    // In network order, as VXLAN's port and a VLAN's protocol are.
    MessageBuilder& put_u16_be(std::uint16_t type, std::uint16_t value);
    // With its terminating NUL.
    MessageBuilder& put_text(std::uint16_t type, std::string_view text);
    MessageBuilder& put_flag(std::uint16_t type) { return put(type, Bytes()); }
    MessageBuilder& put_ip(std::uint16_t type, const IpAddress& address) {
        return put(type, address.bytes());
    }
    MessageBuilder& put_mac(std::uint16_t type, const MacAddress& mac) {
        return put(type, Bytes(mac.bytes()));
    }

    // Attributes until end_nest() go inside. Returns what end_nest() wants.
    [[nodiscard]] std::size_t begin_nest(std::uint16_t type, bool mark = true);
    void end_nest(std::size_t nest);

    // Bytes without an attribute around them, padded to four: struct rtnexthop and the like.
    MessageBuilder& append(Bytes bytes);
    // Overwrites bytes that are there already.
    void patch(std::size_t offset, Bytes bytes);

    [[nodiscard]] std::size_t size() const noexcept { return bytes_.size(); }
    [[nodiscard]] std::size_t fixed_size() const noexcept { return fixed_size_; }
    void set_sequence(std::uint32_t sequence) noexcept;
    void add_flags(std::uint16_t flags) noexcept;
    [[nodiscard]] std::uint16_t flags() const noexcept;

    [[nodiscard]] Bytes bytes() const noexcept { return bytes_; }

private:
    template <class T>
    MessageBuilder& put_number(std::uint16_t type, T value) {
        return put(type, Bytes(reinterpret_cast<const std::uint8_t*>(&value), sizeof value));
    }
    void update_length() noexcept;

    std::vector<std::uint8_t> bytes_;
    std::size_t fixed_size_ = 0;
};

}  // namespace weft::netlink
