// StreamReader: lines, records and exact counts out of a stream, through a buffer. asyncio.StreamReader.
#pragma once

#include <weft/core/error.hpp>
#include <weft/core/stream.hpp>
#include <weft/core/task.hpp>

#include <cstddef>
#include <memory>
#include <optional>
#include <string>

namespace weft {

// No end was found within the limit. Nothing was taken: the bytes are still there for read().
class LimitOverrun : public Error {
public:
    LimitOverrun(const std::string& what, std::size_t limit) : Error(what), limit_(limit) {}
    [[nodiscard]] std::size_t limit() const noexcept { return limit_; }

private:
    std::size_t limit_;
};

// The stream ended before what was asked for was complete. The part that came is in partial() and taken.
class IncompleteRead : public ClosedError {
public:
    IncompleteRead(const std::string& what, std::string partial)
        : ClosedError(what), partial_(std::move(partial)) {}
    [[nodiscard]] const std::string& partial() const noexcept { return partial_; }

private:
    std::string partial_;
};

// Reads only when asked, so a slow consumer slows its peer down. Move-only; may move while a task reads. One
// task reads at a time. Cancelling a read takes nothing: what has come stays in the buffer. All reads throw
// what the stream throws.
class StreamReader {
public:
    static constexpr std::size_t default_limit = std::size_t{64} << 10;

    // `limit`: how long a line or record may be, its end included.
    explicit StreamReader(std::shared_ptr<Stream> stream, std::size_t limit = default_limit);
    StreamReader(StreamReader&&) noexcept;
    StreamReader& operator=(StreamReader&&) noexcept;
    ~StreamReader();

    // The next line without its "\n" or "\r\n"; the last one may lack its end. nullopt: no more lines. Throws
    // LimitOverrun.
    [[nodiscard]] Task<std::optional<std::string>> read_line();

    // Everything up to and with `separator`. Throws LimitOverrun, IncompleteRead at the end of the stream,
    // and UsageError when the separator is empty.
    [[nodiscard]] Task<std::string> read_until(std::string separator);

    // `count` bytes. Throws IncompleteRead. The limit does not apply.
    [[nodiscard]] Task<std::string> read_exactly(std::size_t count);

    // At least one and at most `max` bytes; empty at the end of the stream (and when `max` is 0).
    [[nodiscard]] Task<std::string> read(std::size_t max);

    // Everything up to the end of the stream. Throws LimitOverrun beyond `max` bytes.
    [[nodiscard]] Task<std::string> read_to_end(std::size_t max);

    // Bytes that are here already.
    [[nodiscard]] std::size_t buffered() const noexcept;
    // True when the stream has ended and everything was taken.
    [[nodiscard]] bool at_end() const noexcept;

private:
    struct State;
    std::shared_ptr<State> state_;
};

}  // namespace weft
