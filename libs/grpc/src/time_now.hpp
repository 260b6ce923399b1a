// The time of the loop that runs, which may be a jumping one; of the clock where none does.
#pragma once

#include <weft/core/loop.hpp>

namespace weft::grpc::detail {

inline TimePoint time_now() noexcept {
    const Loop* loop = Loop::current_or_null();
    return loop ? loop->now() : Clock::now();
}

}  // namespace weft::grpc::detail
