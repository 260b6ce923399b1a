#include "icmp.hpp"

#include <cstring>

namespace weft::probe {

namespace {

struct EchoTypes {
    std::uint8_t request;
    std::uint8_t reply;
};

constexpr EchoTypes types_of(IpFamily family) noexcept {
    return family == IpFamily::v4 ? EchoTypes{8, 0} : EchoTypes{128, 129};
}

constexpr std::uint8_t time_exceeded_of(IpFamily family) noexcept { return family == IpFamily::v4 ? 11 : 3; }

void store16(std::uint8_t* at, std::uint16_t value) noexcept {
    at[0] = static_cast<std::uint8_t>(value >> 8);
    at[1] = static_cast<std::uint8_t>(value);
}

std::uint16_t load16(const std::uint8_t* at) noexcept {
    return static_cast<std::uint16_t>(at[0] << 8 | at[1]);
}

std::optional<Echo> parse_echo(Bytes message, std::uint8_t type) noexcept {
    if (message.size() < icmp_header_size || message[0] != type || message[1] != 0) return std::nullopt;
    Echo echo;
    echo.id = load16(&message[4]);
    echo.sequence = load16(&message[6]);
    if (message.size() >= icmp_header_size + tag_size) {
        Tag tag;
        std::memcpy(&tag, &message[icmp_header_size], sizeof tag);
        echo.tag = tag;
    }
    return echo;
}

}  // namespace

static_assert(sizeof(Tag) == tag_size);

std::uint16_t internet_checksum(Bytes bytes) noexcept {
    std::uint32_t sum = 0;
    for (std::size_t i = 0; i + 1 < bytes.size(); i += 2) sum += load16(&bytes[i]);
    if (bytes.size() % 2 != 0) sum += static_cast<std::uint32_t>(bytes.back()) << 8;
    while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
    return static_cast<std::uint16_t>(~sum);
}

void append_echo_request(std::vector<std::uint8_t>& out, IpFamily family, std::uint16_t id,
                         std::uint16_t sequence, const Tag& tag, std::size_t payload) {
    const std::size_t start = out.size();
    out.resize(start + icmp_header_size + payload);
    std::uint8_t* const message = out.data() + start;
    message[0] = types_of(family).request;
    store16(message + 4, id);
    store16(message + 6, sequence);
    std::memcpy(message + icmp_header_size, &tag, sizeof tag);
    // The rest counts up, as ping(8) does: damage on the way shows in a capture.
    for (std::size_t i = tag_size; i < payload; ++i)
        message[icmp_header_size + i] = static_cast<std::uint8_t>(i);
    if (family == IpFamily::v4)
        store16(message + 2, internet_checksum(Bytes(message, icmp_header_size + payload)));
}

std::optional<Echo> parse_echo_reply(IpFamily family, Bytes message) noexcept {
    return parse_echo(message, types_of(family).reply);
}

std::optional<Echo> parse_echo_request(IpFamily family, Bytes message) noexcept {
    return parse_echo(message, types_of(family).request);
}

std::optional<Bytes> icmp_of_ipv4(Bytes packet) noexcept {
    constexpr std::size_t least = 20;
    constexpr std::uint8_t protocol_icmp = 1;
    if (packet.size() < least || packet[0] >> 4 != 4 || packet[9] != protocol_icmp) return std::nullopt;
    const std::size_t header = (packet[0] & 15u) * 4;
    if (header < least || header > packet.size()) return std::nullopt;
    return packet.subspan(header);
}

bool is_time_exceeded(IpFamily family, std::uint8_t type) noexcept {
    return type == time_exceeded_of(family);
}

std::string describe_error(IpFamily family, std::uint8_t type, std::uint8_t code) {
    if (is_time_exceeded(family, type)) return code == 0 ? "hop limit exceeded" : "reassembly time exceeded";
    if (family == IpFamily::v4 && type == 3) {
        switch (code) {
            case 0:
                return "network unreachable";
            case 1:
                return "host unreachable";
            case 2:
                return "protocol unreachable";
            case 3:
                return "port unreachable";
            case 4:
                return "packet too big";
            case 9:
            case 10:
            case 13:
                return "administratively prohibited";
            default:
                break;
        }
    }
    if (family == IpFamily::v6 && type == 1) {
        switch (code) {
            case 0:
                return "no route to the destination";
            case 1:
                return "administratively prohibited";
            case 2:
                return "beyond the scope of the source address";
            case 3:
                return "address unreachable";
            case 4:
                return "port unreachable";
            default:
                break;
        }
    }
    if (family == IpFamily::v6 && type == 2) return "packet too big";
    return "ICMP error " + std::to_string(type) + "/" + std::to_string(code);
}

}  // namespace weft::probe
