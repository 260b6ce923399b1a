// Stream: an ordered, reliable, two-way flow of bytes. TCP, unix sockets, TLS and memory pairs are streams.
//
// Sessions that handle many messages a read use try_read() and try_write() with the readiness objects;
// everyone else uses the tasks below them.
#pragma once

#include <weft/core/readiness.hpp>
#include <weft/core/task.hpp>

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace weft {

// What a non-blocking read or write did.
struct IoResult {
    enum class Status { ok, would_block, end };
    Status status;
    std::size_t bytes;  // > 0 with ok (unless nothing was asked for), else 0

    static constexpr IoResult done(std::size_t n) noexcept { return {Status::ok, n}; }
    static constexpr IoResult again() noexcept { return {Status::would_block, 0}; }
    static constexpr IoResult end_of_stream() noexcept { return {Status::end, 0}; }
};

// Bytes to write; laid out as struct iovec.
struct ConstBuffer {
    const void* data;
    std::size_t size;
};

namespace detail {

// A stream that is always ready never suspends its reader; this says when that one should let others run.
class FairTurns {
public:
    [[nodiscard]] bool is_over() noexcept { return ++count_ % 64 == 0; }

private:
    unsigned count_ = 0;
};

}  // namespace detail

class Stream {
public:
    Stream() = default;
    Stream(const Stream&) = delete;
    Stream& operator=(const Stream&) = delete;
    // Abortive: closes without waiting.
    virtual ~Stream() = default;

    // Reads what is there, without waiting; an empty buffer gives ok and 0. end: the peer has finished
    // writing. Throws SystemError (ECONNRESET …) and ClosedError after close().
    virtual IoResult try_read(std::span<std::byte> buffer) = 0;
    // Writes what fits, without waiting; may take a part. At most 64 buffers are looked at. Never says end;
    // throws SystemError (EPIPE …) and ClosedError.
    virtual IoResult try_write(std::span<const ConstBuffer> buffers) = 0;

    // A hint for the reader of something large: it need not be woken before so many bytes are there, or the
    // stream ends, or its buffer has no room for more. 1 takes it back, and must, before anything smaller is
    // waited for. False: this stream ignores it.
    virtual bool expect(std::size_t bytes) noexcept {
        (void)bytes;
        return false;
    }

    // Bytes that have come and can be read; 0 also when the stream cannot tell without reading.
    [[nodiscard]] virtual std::size_t waiting() noexcept { return 0; }

    // Wait on these after a try said would_block. One reader and one writer at a time.
    virtual Readiness& read_readiness() = 0;
    virtual Readiness& write_readiness() = 0;

    // Tells the peer that no more bytes come; reading goes on. Throws SystemError.
    virtual void shutdown_write() = 0;
    // Closes at once; whoever waits is woken and gets ClosedError. Harmless when repeated.
    virtual void close() noexcept = 0;

    // The socket whose bytes are just this stream's, for system calls that streams have no name for (it stays
    // theirs: not to be read, written or closed while a task does); -1 when there is none, as with TLS.
    [[nodiscard]] virtual int socket() const noexcept { return -1; }

    // The peer's address as text ("ipv4:127.0.0.1:9559", "ipv6:[::1]:80", "unix:/run/x", "memory"), for
    // people and logs.
    [[nodiscard]] virtual std::string peer() const = 0;

    // Waits for at least one byte; gives how many were read, 0 at the end of the stream. `buffer` must stay
    // valid until the task is done. Cancelling takes no bytes.
    [[nodiscard]] Task<std::size_t> read_some(std::span<std::byte> buffer);
    // Fills the whole buffer. Throws ClosedError when the stream ends before.
    [[nodiscard]] Task<void> read_exactly(std::span<std::byte> buffer);
    // Writes everything. `bytes` must stay valid until the task is done. After a cancellation a part may have
    // been written: the stream is then good for close() only.
    [[nodiscard]] Task<void> write_all(std::span<const std::byte> bytes);
    [[nodiscard]] Task<void> write_all(std::string_view text);

private:
    detail::FairTurns read_turns_;
    detail::FairTurns write_turns_;
};

}  // namespace weft
