// IfIndex: the number by which the kernel knows a network interface, within one namespace.
#pragma once

#include <compare>
#include <cstdint>

namespace weft::netlink {

// A type of its own so that no count, port or table number is taken for it.
class IfIndex {
public:
    constexpr IfIndex() noexcept = default;
    constexpr explicit IfIndex(std::uint32_t value) noexcept : value_(value) {}
    [[nodiscard]] constexpr std::uint32_t value() const noexcept { return value_; }
    // 0 is no interface.
    [[nodiscard]] constexpr explicit operator bool() const noexcept { return value_ != 0; }
    constexpr auto operator<=>(const IfIndex&) const noexcept = default;

private:
    std::uint32_t value_ = 0;
};

}  // namespace weft::netlink
