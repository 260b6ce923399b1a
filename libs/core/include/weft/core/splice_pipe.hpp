// SplicePipe: bytes from one socket to another without passing through this program.
#pragma once

#include <weft/core/stream.hpp>
#include <weft/core/unique_fd.hpp>

#include <cstddef>
#include <span>

namespace weft {

// A pipe in the kernel between two sockets: what fill() takes from the one, drain() gives to the other, as
// pages that are handed on and not copied (splice(2)). What the other does not take at once can be had by
// read(), so one pipe serves any number of pairs of streams, one after another. Nothing here waits.
//
// Not thread-safe. Every function throws SystemError when the kernel refuses.
class SplicePipe {
public:
    SplicePipe();

    // Whether both are sockets whose bytes are the stream's own: TCP and unix sockets, not TLS.
    [[nodiscard]] static bool joins(const Stream& from, const Stream& to) noexcept {
        return from.socket() >= 0 && to.socket() >= 0;
    }

    // Whether `from`, a socket, gets no more than what is waiting: its peer has finished, or is gone.
    [[nodiscard]] static bool ended(const Stream& from) noexcept;

    // Bytes in the pipe.
    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    // Copies up to 4,096 bytes into the pipe, all or none (pipe(7), PIPE_BUF): what is to go before. False
    // when there is no room.
    [[nodiscard]] bool put(std::span<const std::byte> bytes);
    // Takes up to `most` bytes from `from`. would_block: none are there, or the pipe is full.
    IoResult fill(Stream& from, std::size_t most);
    // Gives `to` what is in the pipe, or as much of it as it takes. would_block: it takes nothing now, or the
    // pipe is empty. Throws SystemError (EPIPE …) as try_write() does.
    IoResult drain(Stream& to);
    // Copies bytes out of the pipe; gives how many.
    std::size_t read(std::span<std::byte> buffer);

private:
    UniqueFd out_;
    UniqueFd in_;
    std::size_t size_ = 0;
};

}  // namespace weft
