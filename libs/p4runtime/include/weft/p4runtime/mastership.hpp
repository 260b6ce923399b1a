// Who may write: election IDs, and what the switch says about them.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>

namespace weft::p4runtime {

// 128 bits; the highest ever seen by the switch is the primary's.
struct ElectionId {
    std::uint64_t high = 0;
    std::uint64_t low = 0;

    // (milliseconds since 1970, 0): a client that connects later wins.
    [[nodiscard]] static ElectionId now() noexcept;

    // The next higher ID.
    [[nodiscard]] ElectionId next() const noexcept {
        return low == UINT64_MAX ? ElectionId{high + 1, 0} : ElectionId{high, low + 1};
    }

    friend auto operator<=>(const ElectionId&, const ElectionId&) = default;
};

enum class MastershipState : std::uint8_t {
    unknown,     // not connected, or no answer yet
    primary,     // this client
    backup,      // another client is primary
    no_primary,  // nobody is
};

// The last word of the switch.
struct Mastership {
    MastershipState state = MastershipState::unknown;
    // The highest election ID that the switch has seen; nullopt when it has seen none.
    std::optional<ElectionId> highest;

    friend bool operator==(const Mastership&, const Mastership&) = default;
};

}  // namespace weft::p4runtime
