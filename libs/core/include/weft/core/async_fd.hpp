// AsyncFd: a non-blocking descriptor on the running loop.
#pragma once

#include <weft/core/readiness.hpp>
#include <weft/core/unique_fd.hpp>

#include <memory>

namespace weft {

// Owns a descriptor, makes it non-blocking, and tells when it is worth trying again. Registered with the loop
// at the first wait, so a descriptor that never blocks costs no registration. Move-only. Belongs to the loop
// on which it was first waited for.
class AsyncFd {
public:
    AsyncFd() noexcept;
    // Throws SystemError when the descriptor cannot be made non-blocking.
    explicit AsyncFd(UniqueFd fd);
    AsyncFd(AsyncFd&&) noexcept;
    AsyncFd& operator=(AsyncFd&&) noexcept;
    ~AsyncFd();

    [[nodiscard]] int get() const noexcept;
    [[nodiscard]] explicit operator bool() const noexcept { return state_ != nullptr; }

    // Input, hang-up or error; wait after a call said EAGAIN. Throws SystemError (EPERM) for descriptors that
    // epoll does not take, such as regular files.
    [[nodiscard]] Readiness& read_readiness();
    [[nodiscard]] Readiness& write_readiness();

    // A TCP socket gave less than was asked for: until an event says otherwise, the next read would block, so
    // it need not be tried. No effect before the first wait, or once the end or urgent data has been
    // announced.
    void note_short_read() noexcept;
    // Input was seen without an event: reads are worth trying.
    void note_input() noexcept;
    // True when a read need not be tried.
    [[nodiscard]] bool known_empty() const noexcept;

    // Closes at once. A task that waits is woken and sees EBADF from its next try.
    void close() noexcept;

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace weft
