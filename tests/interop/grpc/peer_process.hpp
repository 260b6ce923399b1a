// A peer program as a child process, on pipes.
#pragma once

#include <weft/core/async_fd.hpp>
#include <weft/core/task.hpp>
#include <weft/core/unique_fd.hpp>

#include <cstdlib>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

namespace interop {

// Its input stays open as long as this lives: a peer's server serves until then. Ended by pid when dropped.
class PeerProcess {
public:
    explicit PeerProcess(std::vector<std::string> command) {
        int in[2];
        int out[2];
        if (::pipe2(in, O_CLOEXEC) != 0 || ::pipe2(out, O_CLOEXEC) != 0) throw std::runtime_error("pipe");
        posix_spawn_file_actions_t actions;
        ::posix_spawn_file_actions_init(&actions);
        ::posix_spawn_file_actions_adddup2(&actions, in[0], 0);
        ::posix_spawn_file_actions_adddup2(&actions, out[1], 1);
        ::posix_spawn_file_actions_adddup2(&actions, out[1], 2);
        std::vector<char*> arguments;
        for (auto& word : command) arguments.push_back(word.data());
        arguments.push_back(nullptr);
        const int rv = ::posix_spawn(&pid_, arguments[0], &actions, nullptr, arguments.data(), environ);
        ::posix_spawn_file_actions_destroy(&actions);
        ::close(in[0]);
        ::close(out[1]);
        input_.reset(in[1]);
        output_ = weft::AsyncFd(weft::UniqueFd(out[0]));
        if (rv != 0) {
            pid_ = -1;
            throw std::runtime_error("the peer " + command[0] +
                                     " cannot be started; run scripts/setup_peers.sh");
        }
    }
    PeerProcess(const PeerProcess&) = delete;
    PeerProcess& operator=(const PeerProcess&) = delete;
    ~PeerProcess() {
        if (pid_ < 0) return;
        ::kill(pid_, SIGKILL);
        ::waitpid(pid_, nullptr, 0);
    }

    // The first line that it prints.
    weft::Task<std::string> read_line() {
        std::string line;
        for (;;) {
            char c = 0;
            const ssize_t n = ::read(output_.get(), &c, 1);
            if (n < 0 && errno == EAGAIN) {
                co_await output_.read_readiness().wait();
                continue;
            }
            if (n <= 0) throw std::runtime_error("the peer ended: " + line);
            if (c == '\n') co_return line;
            line += c;
        }
    }

    // Everything that it prints until it ends; then its exit status.
    weft::Task<std::pair<int, std::string>> wait() {
        std::string text;
        for (;;) {
            char buffer[4096];
            const ssize_t n = ::read(output_.get(), buffer, sizeof buffer);
            if (n < 0 && errno == EAGAIN) {
                co_await output_.read_readiness().wait();
                continue;
            }
            if (n <= 0) break;
            text.append(buffer, static_cast<std::size_t>(n));
        }
        int status = 0;
        ::waitpid(std::exchange(pid_, -1), &status, 0);
        co_return std::pair<int, std::string>(WIFEXITED(status) ? WEXITSTATUS(status) : -1, text);
    }

private:
    pid_t pid_ = -1;
    weft::UniqueFd input_;
    weft::AsyncFd output_;
};

}  // namespace interop
