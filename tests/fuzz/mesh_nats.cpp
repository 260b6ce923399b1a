// What a NATS server may say, in two pieces, what its INFO names; and an extension frame's data.
#include "extension.hpp"
#include "nats_protocol.hpp"

#include <weft/mesh/error.hpp>

#include <cstdint>
#include <cstdlib>
#include <span>
#include <string>

using namespace weft::mesh;

namespace {

class Heard final : public NatsParser::Handler {
public:
    void on_info(std::string_view json) override {
        all += "i" + std::string(json);
        try {
            servers.learn(NatsServer(), NatsInfo(json).connect_urls);
        } catch (const DecodeError&) {
            all += "?";
        }
        if (servers.size() > 512 || servers.next().host.empty()) std::abort();
    }
    void on_message(const NatsMessage& m) override {
        all += "m" + std::string(m.subject) + std::string(m.headers);
        all.append(reinterpret_cast<const char*>(m.payload.data()), m.payload.size());
    }
    void on_ping() override { all += "p"; }
    void on_pong() override { all += "P"; }
    void on_error(std::string_view text) override { all += "e" + std::string(text); }
    std::string all;
    NatsServers servers{NatsUrl("nats://localhost")};
};

bool feed(NatsParser& parser, std::span<const std::byte> bytes, Heard& heard) {
    try {
        parser.feed(bytes, heard);
        return true;
    } catch (const DecodeError&) {
        return false;
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto bytes = std::as_bytes(std::span(data, size));
    NatsParser one;
    Heard whole;
    const bool ok = feed(one, bytes, whole);
    const std::size_t cut = size == 0 ? 0 : data[0] % (size + 1);
    NatsParser two;
    Heard pieces;
    bool both = feed(two, bytes.first(cut), pieces);
    if (both) both = feed(two, bytes.subspan(cut), pieces);
    if (ok && (!both || pieces.all != whole.all)) std::abort();

    Extension extension;
    if (parse_extension(bytes, extension)) {
        (void)extension.number("n");
        if (const auto value = extension.attribute("trace"); value && value->size() > size) std::abort();
    }
    return 0;
}
