#include <weft/core/async_generator.hpp>

namespace weft::detail {

void throw_generator_busy() {
    throw UsageError(
        "next() of an async generator in which another task waits; it has one consumer at a time");
}

void throw_generator_ignores_close() {
    throw UsageError("an async generator yielded another value while it was closed");
}

}  // namespace weft::detail
