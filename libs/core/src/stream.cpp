#include <weft/core/error.hpp>
#include <weft/core/sleep.hpp>
#include <weft/core/stream.hpp>

namespace weft {

Task<std::size_t> Stream::read_some(std::span<std::byte> buffer) {
    if (read_turns_.is_over()) co_await yield();
    for (;;) {
        const IoResult result = try_read(buffer);
        if (result.status != IoResult::Status::would_block) co_return result.bytes;
        co_await read_readiness().wait();
    }
}

Task<void> Stream::read_exactly(std::span<std::byte> buffer) {
    const std::size_t wanted = buffer.size();
    while (!buffer.empty()) {
        if (read_turns_.is_over()) co_await yield();
        const IoResult result = try_read(buffer);
        if (result.status == IoResult::Status::end)
            throw ClosedError(peer() + " ended the stream after " + std::to_string(wanted - buffer.size()) +
                              " of " + std::to_string(wanted) + " bytes");
        if (result.status == IoResult::Status::would_block) {
            co_await read_readiness().wait();
            continue;
        }
        buffer = buffer.subspan(result.bytes);
    }
}

Task<void> Stream::write_all(std::span<const std::byte> bytes) {
    while (!bytes.empty()) {
        if (write_turns_.is_over()) co_await yield();
        const ConstBuffer buffer{bytes.data(), bytes.size()};
        const IoResult result = try_write({&buffer, 1});
        if (result.status == IoResult::Status::would_block) {
            co_await write_readiness().wait();
            continue;
        }
        bytes = bytes.subspan(result.bytes);
    }
}

Task<void> Stream::write_all(std::string_view text) {
    return write_all(std::as_bytes(std::span(text.data(), text.size())));
}

}  // namespace weft
