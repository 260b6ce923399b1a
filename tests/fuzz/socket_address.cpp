// Any text as an address: it is an AddressError, or an address whose text is read back as the same address.
#include <weft/core/socket_address.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using weft::SocketAddress;
    try {
        const auto address = SocketAddress::parse({reinterpret_cast<const char*>(data), size});
        if (SocketAddress::parse(address.to_string()) != address) std::abort();
        if (SocketAddress::from_native(address.native(), address.native_size()) != address) std::abort();
    } catch (const weft::AddressError&) {
    }
    // And as what a kernel could give.
    static_cast<void>(SocketAddress::from_native(data, size).to_string());
    return 0;
}
