#include "without_sigpipe.hpp"

#include <weft/core/error.hpp>
#include <weft/core/splice_pipe.hpp>

#include <cerrno>
#include <climits>

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

namespace weft {

namespace {
// The kernel's default limit for a program without privileges (fs.pipe-max-size).
constexpr int wanted_capacity = 1 << 20;
}  // namespace

SplicePipe::SplicePipe() {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) throw_errno("make a pipe to splice through");
    out_.reset(ends[0]);
    in_.reset(ends[1]);
    // Refused, it stays as it is, and takes more turns.
    (void)::fcntl(in_.get(), F_SETPIPE_SZ, wanted_capacity);
}

bool SplicePipe::ended(const Stream& from) noexcept {
    pollfd socket{from.socket(), POLLRDHUP, 0};
    return ::poll(&socket, 1, 0) != 0;
}

bool SplicePipe::put(std::span<const std::byte> bytes) {
    if (bytes.size() > PIPE_BUF) return false;
    for (;;) {
        const auto n = ::write(in_.get(), bytes.data(), bytes.size());
        if (n >= 0) {
            size_ += static_cast<std::size_t>(n);
            return true;
        }
        if (errno == EAGAIN) return false;
        if (errno != EINTR) throw_errno("put bytes into a pipe");
    }
}

IoResult SplicePipe::fill(Stream& from, std::size_t most) {
    for (;;) {
        const auto n = ::splice(from.socket(), nullptr, in_.get(), nullptr, most, SPLICE_F_NONBLOCK);
        if (n > 0) {
            size_ += static_cast<std::size_t>(n);
            return IoResult::done(static_cast<std::size_t>(n));
        }
        if (n == 0) return IoResult::end_of_stream();
        if (errno == EAGAIN) return IoResult::again();
        if (errno != EINTR) throw_errno("splice from " + from.peer());
    }
}

IoResult SplicePipe::drain(Stream& to) {
    if (size_ == 0) return IoResult::again();
    const detail::WithoutSigpipe guard;
    for (;;) {
        const auto n = ::splice(out_.get(), nullptr, to.socket(), nullptr, size_, SPLICE_F_NONBLOCK);
        if (n > 0) {
            size_ -= static_cast<std::size_t>(n);
            return IoResult::done(static_cast<std::size_t>(n));
        }
        if (n == 0 || errno == EAGAIN) return IoResult::again();
        if (errno != EINTR) throw_errno("splice to " + to.peer());
    }
}

std::size_t SplicePipe::read(std::span<std::byte> buffer) {
    std::size_t done = 0;
    while (done < buffer.size() && size_ != 0) {
        const auto n = ::read(out_.get(), buffer.data() + done, buffer.size() - done);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) throw_errno("read a pipe");
        done += static_cast<std::size_t>(n);
        size_ -= static_cast<std::size_t>(n);
    }
    return done;
}

}  // namespace weft
