// Child processes: run_process() for a result, Process for a conversation.
//
// A child runs in a process group of its own with default signal handlers, an empty signal mask and no
// descriptor but its three. Its end is seen through a pidfd: there is no SIGCHLD handler.
#pragma once

#include <weft/core/error.hpp>
#include <weft/core/stream.hpp>
#include <weft/core/task.hpp>
#include <weft/core/timer.hpp>

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace weft {

// How a process ended.
struct ExitStatus {
    int code = 0;    // its exit status; meaningless when a signal ended it
    int signal = 0;  // the signal that ended it, or 0

    [[nodiscard]] bool ok() const noexcept { return code == 0 && signal == 0; }
    // "exit status 2", "signal 9 (Killed)".
    [[nodiscard]] std::string to_string() const;
};

// A process ended otherwise than it should. what() has the command, the status and the end of its stderr.
class ProcessError : public Error {
public:
    ProcessError(const std::string& what, ExitStatus status) : Error(what), status_(status) {}
    [[nodiscard]] const ExitStatus& status() const noexcept { return status_; }

private:
    ExitStatus status_;
};

// What is connected to one of a child's three descriptors.
enum class Stdio { null, inherit, pipe };

class ProcessOptions {
public:
    ProcessOptions() {}

    // run_process: what the child reads on stdin; without it, stdin is /dev/null.
    ProcessOptions&& input(std::string bytes) && {
        return input_ = std::move(bytes), stdin_ = Stdio::pipe, std::move(*this);
    }
    // Process: what the descriptors are. Default: null, pipe, pipe.
    ProcessOptions&& stdio(Stdio in, Stdio out, Stdio err) && noexcept {
        return stdin_ = in, stdout_ = out, stderr_ = err, std::move(*this);
    }
    // Adds or replaces a variable of the environment, which is otherwise inherited.
    ProcessOptions&& env(std::string name, std::string value) && {
        return env_.emplace_back(std::move(name), std::move(value)), std::move(*this);
    }
    ProcessOptions&& clear_env() && noexcept { return inherit_env_ = false, std::move(*this); }
    ProcessOptions&& working_directory(std::string path) && {
        return directory_ = std::move(path), std::move(*this);
    }
    // run_process keeps this many bytes of stdout, and of stderr; it reads and counts the rest.
    ProcessOptions&& output_limit(std::size_t bytes) && noexcept {
        return output_limit_ = bytes, std::move(*this);
    }
    // From SIGTERM to SIGKILL.
    ProcessOptions&& grace(Duration d) && noexcept { return grace_ = d, std::move(*this); }

private:
    friend class Process;
    friend struct ProcessRunner;
    std::string input_;
    std::vector<std::pair<std::string, std::string>> env_;
    std::string directory_;
    std::size_t output_limit_ = std::size_t{16} << 20;
    Duration grace_ = std::chrono::seconds(3);
    Stdio stdin_ = Stdio::null;
    Stdio stdout_ = Stdio::pipe;
    Stdio stderr_ = Stdio::pipe;
    bool inherit_env_ = true;
};

// A running child. Move-only; must not move while a task waits for it. Destroying it while the child runs
// kills the child's group with SIGKILL; the loop collects the rest, so no zombie stays.
class Process {
public:
    // Starts args[0], looked for in PATH. Throws SystemError that names the command when it cannot be
    // executed, UsageError when `args` is empty.
    explicit Process(const std::vector<std::string>& args, const ProcessOptions& options = ProcessOptions());
    Process(Process&&) noexcept;
    Process& operator=(Process&&) noexcept;
    ~Process();

    [[nodiscard]] int pid() const noexcept;
    // The pipes; null when the option was not Stdio::pipe. stdin: close() it to give the child end of file.
    [[nodiscard]] Stream* in() const noexcept;
    [[nodiscard]] Stream* out() const noexcept;
    [[nodiscard]] Stream* err() const noexcept;

    // Waits for the child's end. Cancelling leaves the child running. May be repeated.
    [[nodiscard]] Task<ExitStatus> wait();

    // Sends a signal to the child's whole group. No effect after wait() has given the status.
    void signal(int number) noexcept;

    // SIGTERM to the group; SIGKILL to what is left of it when the child has ended or the grace is over.
    // Gives the child's status. A cancellation meanwhile kills at once.
    [[nodiscard]] Task<ExitStatus> stop(Duration grace = std::chrono::seconds(3));

private:
    struct State;
    static Task<void> wait_for_exit(State& state);
    static Task<ExitStatus> wait_and_reap(State& state);
    static Task<ExitStatus> stop_group(State& state, Duration grace);
    std::unique_ptr<State> state_;
};

struct ProcessResult {
    ProcessResult() {}

    ExitStatus status;
    std::string out;
    std::string err;
    // Bytes beyond the output limit, which were read and dropped.
    std::size_t out_dropped = 0;
    std::size_t err_dropped = 0;
    std::string command;  // for messages

    [[nodiscard]] bool ok() const noexcept { return status.ok(); }
    // Throws ProcessError unless the process ended with 0.
    void require_success() const;
};

// Runs a command to its end and collects what it wrote. An exit status other than 0 is a result, not an
// exception. Throws SystemError when it cannot be executed. A cancellation, timeout() included, stops the
// whole group as Process::stop() does, and reaps it before it is thrown.
[[nodiscard]] Task<ProcessResult> run_process(std::vector<std::string> args,
                                              ProcessOptions options = ProcessOptions());

}  // namespace weft
