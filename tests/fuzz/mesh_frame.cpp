// The frame parser and the JSON of handshakes and events; what parses is written again and must be the same.
#include <weft/mesh/frame.hpp>
#include <weft/mesh/handshake.hpp>
#include <weft/mesh/serde.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <span>
#include <string>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace weft::mesh;
    const auto bytes = std::as_bytes(std::span(data, size));
    FrameHeader header;
    if (size < header_size || parse_header(bytes.data(), header) != FrameFault::none) return 0;
    if (header.frame_size() > size) return 0;
    Frame frame;
    if (parse_frame(bytes.first(header.frame_size()), header, frame) != FrameFault::none) return 0;

    Buffer again;
    FrameWriter writer(again, frame.transmitter, frame.receiver, frame.function);
    writer.data().append(frame.data);
    if (!writer.finish(header)) std::abort();
    if (again.size() != frame.raw.size() || std::memcmp(again.data(), frame.raw.data(), again.size()) != 0)
        std::abort();

    std::string why;
    switch (frame.header.flag) {
        case Flag::handshake: {
            Handshake handshake;
            if (!read_handshake(frame.data, handshake, why)) break;
            Buffer out;
            write_handshake(handshake, out);
            Handshake second;
            if (!read_handshake(out.bytes(), second, why) || second.members != handshake.members)
                std::abort();
            break;
        }
        case Flag::events: {
            EventText event;
            (void)read_event(frame.data, event);
            break;
        }
        case Flag::error:
            (void)decode_failure(header.serde, header.is_bytes, frame.data);
            break;
        default:
            break;
    }
    return 0;
}
