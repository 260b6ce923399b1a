// The ICMP parsers of weft::probe.
#include "../../libs/probe/src/icmp.hpp"

#include <cstdint>
#include <cstdlib>

using namespace weft::probe;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const Bytes bytes(data, size);
    for (const IpFamily family : {IpFamily::v4, IpFamily::v6}) {
        for (const Bytes message : {bytes, icmp_of_ipv4(bytes).value_or(Bytes())}) {
            const auto reply = parse_echo_reply(family, message);
            const auto request = parse_echo_request(family, message);
            // One type cannot be both.
            if (reply && request) std::abort();
            if (reply && reply->tag && message.size() < icmp_header_size + tag_size) std::abort();
            if (size >= 2) (void)describe_error(family, data[0], data[1]);
        }
    }
    (void)internet_checksum(bytes);
    return 0;
}
