// Any bytes as packets through real programs: nothing may crash, and nothing may be thrown.
//
// Input: the program, the port (two bytes), then the frame. The programs are read from the folder that the
// build names.
#include <weft/p4switch/switch.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

namespace {

using namespace weft::p4switch;

// Recirculating and mirroring programs loop for ever on some packets; the limit ends it.
SwitchOptions limited() {
    SwitchOptions options;
    options.max_copies = 32;
    return options;
}

std::unique_ptr<Switch> load(const std::string& name) {
    std::ifstream file(std::string(WEFT_P4_FOLDER) + "/" + name + "/" + name + ".json", std::ios::binary);
    const std::string text(std::istreambuf_iterator<char>(file), {});
    auto result = std::make_unique<Switch>(Program::load(text), limited());
    result->insert_multicast_group(1, {{1, 1}, {2, 2}});
    for (std::uint32_t session : {1U, 7U, 510U}) {
        CloneSession clone;
        clone.replicas = {{5, 1}};
        clone.multicast_group = 1;
        clone.packet_length = 40;
        result->insert_clone_session(session, clone);
    }
    return result;
}

class Nowhere : public PacketSink {
public:
    void transmit(std::uint32_t, std::span<const std::uint8_t> bytes) override {
        if (bytes.size() > 1U << 20) std::abort();
    }
};

std::vector<std::unique_ptr<Switch>> load_all() {
    std::vector<std::unique_ptr<Switch>> list;
    for (const char* name : {"acl_firewall", "ecmp", "fabric", "flow_cache", "l2_learning", "l3_router",
                             "mirror", "packet_io", "port_swap", "qos", "telemetry", "tunnel", "value_set"})
        list.push_back(load(name));
    return list;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const std::vector<std::unique_ptr<Switch>> switches = load_all();
    if (size < 3) return 0;
    Switch& target = *switches[data[0] % switches.size()];
    const std::uint32_t port = static_cast<std::uint32_t>(data[1] << 8 | data[2]) & 511;
    Nowhere sink;
    target.process(port, std::span<const std::uint8_t>(data + 3, size - 3), std::chrono::milliseconds(1),
                   sink);
    return 0;
}
