// The netlink parsers: messages, attributes, extended acknowledgements and every object of rtnetlink.
#include "../../libs/netlink/src/codec.hpp"

#include <weft/netlink/wire.hpp>

#include <cstdint>
#include <cstdlib>
#include <string>

using namespace weft::netlink;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const Bytes bytes(data, size);
    MessageReader reader(bytes);
    std::size_t walked = 0;
    while (const auto message = reader.next()) {
        walked += message->payload().size();
        (void)parse_error(*message);
        (void)parse_done(*message);
        if (const auto link = decode_link(*message)) walked += link->name.size();
        if (const auto route = decode_route(*message)) walked += route->destination.to_string().size();
        if (const auto address = decode_address(*message)) walked += address->prefix.to_string().size();
        if (const auto neighbour = decode_neighbour(*message))
            walked += neighbour->destination.bytes().size();
        if (const auto rule = decode_rule(*message)) walked += rule->input.size();
        for (const std::size_t fixed : {std::size_t{0}, std::size_t{4}, std::size_t{16}}) {
            AttributeReader attributes = message->attributes(fixed);
            while (const auto attribute = attributes.next()) walked += attribute->text().size();
        }
    }
    walked += reader.rest().size();
    // The same bytes as a request that an error points into.
    for (const std::size_t offset : {std::size_t{0}, size / 3, size / 2, size})
        walked += attribute_path(bytes, 16, offset).size();
    // Each attribute lies inside its message: the walks over it cannot see more than this.
    if (walked > 64 * (size + 64)) std::abort();
    return 0;
}
