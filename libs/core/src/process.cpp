#include "pipe_stream.hpp"
#include "spawn_child.hpp"

#include <weft/core/async_fd.hpp>
#include <weft/core/gather.hpp>
#include <weft/core/process.hpp>
#include <weft/core/timeout.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <new>
#include <optional>

#include <fcntl.h>
#include <poll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace weft {

namespace {

struct PipeEnds {
    UniqueFd read;
    UniqueFd write;
};

// Above 2, so that connecting one of the child's three never closes another: a daemon may have started with
// its own three closed.
UniqueFd above_stdio(UniqueFd fd) {
    if (fd.get() > 2) return fd;
    UniqueFd moved(::fcntl(fd.get(), F_DUPFD_CLOEXEC, 3));
    if (!moved) throw_errno("duplicate a descriptor");
    return moved;
}

PipeEnds make_pipe() {
    int fds[2];
    if (::pipe2(fds, O_CLOEXEC) != 0) throw_errno("create a pipe");
    UniqueFd r(fds[0]);
    UniqueFd w(fds[1]);
    return {above_stdio(std::move(r)), above_stdio(std::move(w))};
}

UniqueFd open_null() {
    UniqueFd fd(::open("/dev/null", O_RDWR | O_CLOEXEC));
    if (!fd) throw_errno("open /dev/null");
    return above_stdio(std::move(fd));
}

std::vector<std::string> make_environment(const std::vector<std::pair<std::string, std::string>>& changes,
                                          bool inherit) {
    std::vector<std::string> environment;
    const auto is_replaced = [&](std::string_view entry) {
        return std::any_of(changes.begin(), changes.end(), [&](const auto& change) {
            return entry.substr(0, entry.find('=')) == change.first;
        });
    };
    if (inherit)
        for (char** entry = environ; entry && *entry; ++entry)
            if (!is_replaced(*entry)) environment.emplace_back(*entry);
    for (const auto& [name, value] : changes) environment.push_back(name + "=" + value);
    return environment;
}

ExitStatus to_status(const siginfo_t& info) {
    ExitStatus status;
    if (info.si_code == CLD_EXITED) {
        status.code = info.si_status;
    } else {
        status.signal = info.si_status;
    }
    return status;
}

// A child that was sent SIGKILL, and whose Process is gone. Collects it when it dies, at the latest.
class KilledChild {
public:
    explicit KilledChild(AsyncFd pidfd) noexcept : pidfd_(std::move(pidfd)) {}
    KilledChild(KilledChild&&) noexcept = default;
    ~KilledChild() {
        if (!pidfd_ || try_reap()) return;
        // A killed process ends as soon as the kernel lets it, which may be never (a dead NFS server).
        constexpr int patience_ms = 200;
        pollfd wait{pidfd_.get(), POLLIN, 0};
        ::poll(&wait, 1, patience_ms);
        (void)try_reap();
    }

    // False while it runs.
    [[nodiscard]] bool try_reap() noexcept {
        if (reaped_) return true;
        siginfo_t info{};
        const int rc = ::waitid(P_PIDFD, static_cast<id_t>(pidfd_.get()), &info, WEXITED | WNOHANG);
        reaped_ = rc != 0 ? errno != EINTR : info.si_pid != 0;
        return reaped_;
    }

    static Task<void> reap(KilledChild child) {
        while (!child.try_reap()) co_await child.pidfd_.read_readiness().wait();
    }

private:
    AsyncFd pidfd_;
    bool reaped_ = false;
};

}  // namespace

std::string ExitStatus::to_string() const {
    if (signal == 0) return "exit status " + std::to_string(code);
    const char* name = ::strsignal(signal);
    return "signal " + std::to_string(signal) + " (" + (name ? name : "unknown") + ")";
}

struct Process::State {
    pid_t pid = 0;
    AsyncFd pidfd;
    std::string command;
    std::unique_ptr<Stream> streams[3];
    std::optional<ExitStatus> status;

    // The group exists as long as its leader was not reaped, so this never hits a stranger.
    void kill_group(int number) const noexcept {
        if (!status) ::kill(-pid, number);
    }

    // False while it runs.
    bool try_reap() {
        siginfo_t info{};
        for (;;) {
            if (::waitid(P_PIDFD, static_cast<id_t>(pidfd.get()), &info, WEXITED | WNOHANG) == 0) break;
            if (errno == EINTR) continue;
            const int error = errno;
            status = ExitStatus();  // it is not ours any more; never signal it again
            throw_errno(error, "collect the status of '" + command +
                                   "' (does the program ignore SIGCHLD, or wait for every child?)");
        }
        if (info.si_pid == 0) return false;
        status = to_status(info);
        return true;
    }

    ~State() {
        if (status || pid == 0) return;
        ::kill(-pid, SIGKILL);
        KilledChild child(std::move(pidfd));
        Loop* loop = Loop::current_or_null();
        if (!loop || child.try_reap()) return;
        try {
            // Owned by the loop, which joins it when it ends.
            (void)detail::start_task(*loop, loop->root(), KilledChild::reap(std::move(child)),
                                     "reap " + std::to_string(pid));
        } catch (const std::bad_alloc&) {
            // The child was collected where it died last.
        }
    }
};

Process::Process(const std::vector<std::string>& args, const ProcessOptions& options)
    : state_(std::make_unique<State>()) {
    if (args.empty()) throw UsageError("start a process without a command");
    constexpr const char* names[3] = {"stdin", "stdout", "stderr"};
    const Stdio wanted[3] = {options.stdin_, options.stdout_, options.stderr_};
    state_->command = detail::command_text(args);
    const auto environment = make_environment(options.env_, options.inherit_env_);
    detail::ChildSpec spec{args, environment, options.directory_, {-1, -1, -1}};
    UniqueFd child_side[3];
    UniqueFd null;
    for (int i = 0; i < 3; ++i) {
        if (wanted[i] == Stdio::inherit) continue;
        if (wanted[i] == Stdio::null) {
            if (!null) null = open_null();
            spec.stdio[i] = null.get();
            continue;
        }
        PipeEnds pipe = make_pipe();
        const std::string what = std::string(names[i]) + " of " + args.front();
        if (i == 0) {
            child_side[i] = std::move(pipe.read);
            state_->streams[i] = detail::make_pipe_writer(std::move(pipe.write), what);
        } else {
            child_side[i] = std::move(pipe.write);
            state_->streams[i] = detail::make_pipe_reader(std::move(pipe.read), what);
        }
        spec.stdio[i] = child_side[i].get();
    }
    const pid_t pid = detail::spawn_child(spec);
    // Until it is reaped, the pid cannot belong to anybody else.
    UniqueFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
    if (!pidfd) {
        const int error = errno;
        ::kill(-pid, SIGKILL);
        ::waitpid(pid, nullptr, 0);
        throw_errno(error, "watch '" + state_->command + "' (pidfd_open needs Linux 5.3)");
    }
    state_->pidfd = AsyncFd(std::move(pidfd));
    state_->pid = pid;
}

Process::Process(Process&&) noexcept = default;
Process& Process::operator=(Process&&) noexcept = default;
Process::~Process() = default;

int Process::pid() const noexcept { return state_->pid; }
Stream* Process::in() const noexcept { return state_->streams[0].get(); }
Stream* Process::out() const noexcept { return state_->streams[1].get(); }
Stream* Process::err() const noexcept { return state_->streams[2].get(); }
void Process::signal(int number) noexcept { state_->kill_group(number); }
Task<ExitStatus> Process::wait() { return wait_and_reap(*state_); }
Task<ExitStatus> Process::stop(Duration grace) { return stop_group(*state_, grace); }

// Until the child has ended; leaves it to be reaped, so that its group can still be signalled.
Task<void> Process::wait_for_exit(State& state) {
    for (;;) {
        siginfo_t info{};
        if (state.status) co_return;
        const int rc =
            ::waitid(P_PIDFD, static_cast<id_t>(state.pidfd.get()), &info, WEXITED | WNOHANG | WNOWAIT);
        if (rc == 0 && info.si_pid != 0) co_return;
        if (rc != 0 && errno != EINTR) co_return;  // try_reap() says what is wrong
        if (rc == 0) co_await state.pidfd.read_readiness().wait();
    }
}

Task<ExitStatus> Process::wait_and_reap(State& state) {
    while (!state.status) {
        co_await wait_for_exit(state);
        if (!state.status) (void)state.try_reap();
    }
    co_return *state.status;
}

Task<ExitStatus> Process::stop_group(State& state, Duration grace) {
    if (state.status) co_return *state.status;
    std::exception_ptr failure;
    state.kill_group(SIGTERM);
    state.kill_group(SIGCONT);  // a stopped process sees SIGTERM only when it goes on
    try {
        co_await timeout(grace, wait_for_exit(state));
    } catch (const TimeoutError&) {
    } catch (...) {
        failure = std::current_exception();
    }
    // The leader, and whoever of its group is left.
    state.kill_group(SIGKILL);
    if (failure) std::rethrow_exception(failure);
    const ExitStatus status = co_await wait_and_reap(state);
    co_return status;
}

void ProcessResult::require_success() const {
    if (status.ok()) return;
    constexpr std::size_t shown = 500;
    std::string text = "'" + command + "' ended with " + status.to_string();
    std::string_view tail = err;
    while (tail.ends_with('\n')) tail.remove_suffix(1);
    if (tail.size() > shown) tail.remove_prefix(tail.size() - shown);
    if (!tail.empty()) text += ": " + std::string(tail);
    throw ProcessError(text, status);
}

struct ProcessRunner {
    static Task<void> collect(Stream* stream, std::string& into, std::size_t& dropped, std::size_t limit) {
        if (!stream) co_return;
        std::vector<std::byte> buffer(std::size_t{64} << 10);
        for (;;) {
            const std::size_t n = co_await stream->read_some(buffer);
            if (n == 0) co_return;
            const std::size_t kept = std::min(n, limit - into.size());
            into.append(reinterpret_cast<const char*>(buffer.data()), kept);
            dropped += n - kept;
        }
    }

    static Task<void> feed(Stream* stream, const std::string& input) {
        if (!stream) co_return;
        try {
            co_await stream->write_all(input);
        } catch (const SystemError& e) {
            // The child stopped reading, which is its right: `head -1`.
            if (e.code() != std::errc::broken_pipe) throw;
        }
        stream->close();
    }

    static Task<void> converse(Process& process, const ProcessOptions& options, ProcessResult& result) {
        co_await gather(feed(process.in(), options.input_),
                        collect(process.out(), result.out, result.out_dropped, options.output_limit_),
                        collect(process.err(), result.err, result.err_dropped, options.output_limit_));
        result.status = co_await process.wait();
    }

    static Task<ProcessResult> run(std::vector<std::string> args, ProcessOptions options) {
        ProcessResult result;
        result.command = detail::command_text(args);
        Process process(args, options);
        std::exception_ptr failure;
        try {
            co_await converse(process, options, result);
        } catch (...) {
            failure = std::current_exception();
        }
        if (failure) {
            co_await process.stop(options.grace_);
            std::rethrow_exception(failure);
        }
        co_return result;
    }
};

Task<ProcessResult> run_process(std::vector<std::string> args, ProcessOptions options) {
    return ProcessRunner::run(std::move(args), std::move(options));
}

}  // namespace weft
