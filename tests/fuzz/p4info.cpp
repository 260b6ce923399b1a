// Any bytes as P4Info text and binary: it loads or P4InfoError, and what loads answers every lookup.
#include <weft/p4runtime/error.hpp>
#include <weft/p4runtime/p4info.hpp>

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace {

using namespace weft::p4runtime;

template <class Lookup>
void try_lookup(const Lookup& lookup) {
    try {
        lookup();
    } catch (const NoSuchNameError&) {
        // An alias may be ambiguous, a full name and an ID are not; the text of the error is built either
        // way.
    }
}

void use(const P4Info& info, std::string_view bytes) {
    const std::string_view name = bytes.substr(0, 64);
    try_lookup([&] { (void)info.table(name); });
    try_lookup([&] { (void)info.action(name); });
    for (const auto& table : info.tables()) {
        if (&info.table(table.id) != &table || &info.table(table.name) != &table) __builtin_trap();
        try_lookup([&] { (void)info.table(table.alias); });
        try_lookup([&] { (void)info.match_field(table, name); });
        for (const auto& ref : table.actions) (void)info.action(ref.action_id);
    }
    const P4Info again = P4Info::from_binary(info.binary());
    if (again.tables().size() != info.tables().size()) __builtin_trap();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    try {
        use(P4Info::from_text(bytes), bytes);
    } catch (const P4InfoError&) {
    }
    try {
        use(P4Info::from_binary(bytes), bytes);
    } catch (const P4InfoError&) {
    }
    return 0;
}
