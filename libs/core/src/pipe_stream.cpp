#include "pipe_stream.hpp"

#include "without_sigpipe.hpp"

#include <weft/core/async_fd.hpp>
#include <weft/core/error.hpp>

#include <algorithm>
#include <cerrno>

#include <sys/uio.h>
#include <unistd.h>

namespace weft::detail {

namespace {

class PipeStream final : public Stream {
public:
    PipeStream(UniqueFd pipe, std::string what, bool writes)
        : pipe_(std::move(pipe)), what_(std::move(what)), writes_(writes) {}

    IoResult try_read(std::span<std::byte> buffer) override {
        if (writes_) throw UsageError("read from " + what_ + ", which is write-only");
        const int fd = require_open();
        if (buffer.empty()) return IoResult::done(0);
        for (;;) {
            const auto n = ::read(fd, buffer.data(), buffer.size());
            if (n > 0) return IoResult::done(static_cast<std::size_t>(n));
            if (n == 0) return IoResult::end_of_stream();
            if (errno == EAGAIN) return IoResult::again();
            if (errno != EINTR) throw_errno("read from " + what_);
        }
    }

    IoResult try_write(std::span<const ConstBuffer> buffers) override {
        if (!writes_) throw UsageError("write to " + what_ + ", which is read-only");
        constexpr std::size_t max_buffers = 64;
        const int fd = require_open();
        const auto* vector = reinterpret_cast<const iovec*>(buffers.data());
        const int count = static_cast<int>(std::min(buffers.size(), max_buffers));
        const WithoutSigpipe guard;
        for (;;) {
            const auto n = ::writev(fd, vector, count);
            if (n >= 0) return IoResult::done(static_cast<std::size_t>(n));
            if (errno == EAGAIN) return IoResult::again();
            if (errno != EINTR) throw_errno("write to " + what_);
        }
    }

    Readiness& read_readiness() override {
        (void)require_open();
        return pipe_.read_readiness();
    }
    Readiness& write_readiness() override {
        (void)require_open();
        return pipe_.write_readiness();
    }
    void shutdown_write() override {
        if (writes_) close();
    }
    void close() noexcept override { pipe_.close(); }
    [[nodiscard]] std::string peer() const override { return what_; }

private:
    [[nodiscard]] int require_open() const {
        if (pipe_.get() < 0) throw ClosedError(what_ + " is closed");
        return pipe_.get();
    }

    AsyncFd pipe_;
    std::string what_;
    bool writes_;
};

}  // namespace

std::unique_ptr<Stream> make_pipe_reader(UniqueFd pipe, std::string what) {
    return std::make_unique<PipeStream>(std::move(pipe), std::move(what), false);
}
std::unique_ptr<Stream> make_pipe_writer(UniqueFd pipe, std::string what) {
    return std::make_unique<PipeStream>(std::move(pipe), std::move(what), true);
}

}  // namespace weft::detail
