#include <weft/core/error.hpp>
#include <weft/core/signals.hpp>

#include <cerrno>
#include <csignal>

#include <pthread.h>
#include <sys/signalfd.h>
#include <unistd.h>

namespace weft {

struct Signals::State {
    AsyncFd fd;
    sigset_t previous;
    ~State() {
        fd.close();
        ::pthread_sigmask(SIG_SETMASK, &previous, nullptr);
    }
};

Signals::Signals(std::initializer_list<int> signals) {
    sigset_t set;
    sigemptyset(&set);
    for (const int signal : signals) sigaddset(&set, signal);
    UniqueFd fd(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
    if (!fd) throw_errno("create a signalfd");
    state_ = std::make_unique<State>();
    state_->fd = AsyncFd(std::move(fd));
    if (const int error = ::pthread_sigmask(SIG_BLOCK, &set, &state_->previous))
        throw_errno(error, "block signals");
}

Signals::Signals(Signals&&) noexcept = default;
Signals::~Signals() = default;

Task<int> Signals::next() { return read_next(*state_); }

Task<int> Signals::read_next(State& state) {
    for (;;) {
        signalfd_siginfo info;
        const auto n = ::read(state.fd.get(), &info, sizeof info);
        if (n == sizeof info) co_return static_cast<int>(info.ssi_signo);
        if (n < 0 && errno != EAGAIN && errno != EINTR) throw_errno("read from a signalfd");
        co_await state.fd.read_readiness().wait();
    }
}

}  // namespace weft
