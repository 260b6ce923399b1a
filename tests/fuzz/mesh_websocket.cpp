// WebSocket as a client may write it: the opening request, then frames, in two pieces.
#include "websocket.hpp"

#include <cstdint>
#include <cstdlib>
#include <span>
#include <string>
#include <string_view>

using namespace weft::mesh;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    Upgrade asked;
    std::string why;
    if (parse_upgrade(text, asked, why) && asked.key.size() != 24) std::abort();

    const auto bytes = std::as_bytes(std::span(data, size));
    constexpr std::uint64_t limit = 4096;
    Buffer whole;
    Buffer whole_replies;
    WsDecoder one(limit);
    const bool ok = one.feed(bytes, whole, whole_replies);
    // The same in two pieces gives the same.
    const std::size_t cut = size == 0 ? 0 : data[0] % (size + 1);
    Buffer pieces;
    Buffer replies;
    WsDecoder two(limit);
    bool both = two.feed(bytes.first(cut), pieces, replies);
    if (both) both = two.feed(bytes.subspan(cut), pieces, replies);
    if (both != ok || pieces.text() != whole.text() || replies.text() != whole_replies.text() ||
        one.closed() != two.closed())
        std::abort();
    return 0;
}
