#include <weft/core/async_fd.hpp>
#include <weft/core/error.hpp>

#include <string>

#include <fcntl.h>
#include <sys/epoll.h>

namespace weft {

struct AsyncFd::State final : FdHandler {
    UniqueFd fd;
    Loop* loop = nullptr;  // set once registered
    Readiness in;
    Readiness out;
    bool empty = false;
    bool short_reads_end = false;  // the end, an error or an urgent mark makes reads short, too

    void on_events(std::uint32_t events) noexcept override {
        constexpr std::uint32_t broken = EPOLLERR | EPOLLHUP;
        constexpr std::uint32_t special = EPOLLPRI | EPOLLRDHUP | broken;
        if (events & (EPOLLIN | special)) {
            empty = false;
            if (events & special) short_reads_end = true;
            in.signal();
        }
        if (events & (EPOLLOUT | broken)) out.signal();
    }

    void watch() {
        if (loop) return;
        Loop& current = Loop::current();
        current.add_fd(fd.get(), *this);
        loop = &current;
    }

    void close() noexcept {
        if (!fd) return;
        if (loop) loop->remove_fd(fd.get(), *this);
        fd.reset();
        in.signal();
        out.signal();
    }

    ~State() { close(); }
};

AsyncFd::AsyncFd(UniqueFd fd) : state_(std::make_unique<State>()) {
    const int flags = ::fcntl(fd.get(), F_GETFL);
    if (flags < 0 || (!(flags & O_NONBLOCK) && ::fcntl(fd.get(), F_SETFL, flags | O_NONBLOCK) != 0))
        throw_errno("make descriptor " + std::to_string(fd.get()) + " non-blocking");
    state_->fd = std::move(fd);
}

AsyncFd::AsyncFd() noexcept = default;
AsyncFd::AsyncFd(AsyncFd&&) noexcept = default;
AsyncFd& AsyncFd::operator=(AsyncFd&&) noexcept = default;
AsyncFd::~AsyncFd() = default;

int AsyncFd::get() const noexcept { return state_ ? state_->fd.get() : -1; }

Readiness& AsyncFd::read_readiness() {
    state_->watch();
    return state_->in;
}

Readiness& AsyncFd::write_readiness() {
    state_->watch();
    return state_->out;
}

// The registration stood before the read, so what came after it is an event that is still to come.
void AsyncFd::note_short_read() noexcept { state_->empty = state_->loop && !state_->short_reads_end; }

void AsyncFd::note_input() noexcept { state_->empty = false; }

bool AsyncFd::known_empty() const noexcept { return state_ && state_->empty; }

void AsyncFd::close() noexcept {
    if (state_) state_->close();
}

}  // namespace weft
