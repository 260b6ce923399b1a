// StreamWriter: write without waiting, drain when it matters. asyncio.StreamWriter.
#pragma once

#include <weft/core/stream.hpp>
#include <weft/core/task.hpp>

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

namespace weft {

struct WriterLimits {
    // drain() waits while more than this is buffered, until a quarter of it is left.
    std::size_t high_water = std::size_t{64} << 10;
    // write() throws LimitOverrun rather than buffer more: somebody forgot drain().
    std::size_t max_buffered = std::size_t{64} << 20;
};

// Everything that is written in one turn of the loop goes out in one system call. Move-only; owns the
// connection: dropping the writer aborts it, with what is still buffered. Orderly: close(), wait_closed().
class StreamWriter {
public:
    explicit StreamWriter(std::shared_ptr<Stream> stream, WriterLimits limits = WriterLimits());
    StreamWriter(StreamWriter&&) noexcept;
    StreamWriter& operator=(StreamWriter&&) noexcept;
    ~StreamWriter();

    // Takes a copy; sent at the end of this turn, or when the peer has room. Throws ClosedError after close()
    // or write_eof(), LimitOverrun, and the error with which an earlier write failed.
    void write(std::string_view bytes);

    // Sends what it can, then waits while more than the high-water mark is buffered. Throws the error with
    // which a write failed. Cancelling loses nothing.
    [[nodiscard]] Task<void> drain();

    // Ends the stream towards the peer once everything is sent. Reading goes on.
    void write_eof();

    // Closes once everything is sent. Harmless when repeated.
    void close() noexcept;
    // Waits for that. Throws the error that kept bytes from being sent.
    [[nodiscard]] Task<void> wait_closed();
    // Closes at once; what is buffered is lost.
    void abort() noexcept;

    [[nodiscard]] std::size_t buffered() const noexcept;
    [[nodiscard]] bool closing() const noexcept;
    // As Stream::peer().
    [[nodiscard]] std::string peer() const;

private:
    struct State;
    std::shared_ptr<State> state_;
};

}  // namespace weft
