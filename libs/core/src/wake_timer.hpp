// A timer that wakes whoever waits for a readiness: "wait for this, but no longer than that".
#pragma once

#include <weft/core/loop.hpp>
#include <weft/core/readiness.hpp>

namespace weft::detail {

class WakeTimer final : public Timer {
public:
    explicit WakeTimer(Readiness& readiness) noexcept : readiness_(readiness) {}
    void fire() noexcept override { readiness_.signal(); }

private:
    Readiness& readiness_;
};

}  // namespace weft::detail
