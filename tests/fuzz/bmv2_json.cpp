// Any text as a BMv2 JSON program: it is compiled or refused with ProgramError, and a program that was
// accepted runs packets.
#include <weft/p4switch/error.hpp>
#include <weft/p4switch/switch.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace {

class Nowhere : public weft::p4switch::PacketSink {
public:
    void transmit(std::uint32_t, std::span<const std::uint8_t>) override {}
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace weft::p4switch;
    try {
        SwitchOptions options;
        options.max_copies = 8;  // an accepted program may copy without end
        Switch target(Program::load({reinterpret_cast<const char*>(data), size}), options);
        Nowhere sink;
        std::array<std::uint8_t, 96> packet{};
        for (std::size_t i = 0; i < packet.size(); ++i) packet[i] = static_cast<std::uint8_t>(i * 7);
        for (std::size_t length : {std::size_t{0}, std::size_t{1}, std::size_t{20}, packet.size()})
            target.process(1, std::span<const std::uint8_t>(packet).first(length),
                           std::chrono::milliseconds(1), sink);
    } catch (const ProgramError&) {
    }
    return 0;
}
