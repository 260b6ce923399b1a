// What the mesh's long runs share: child processes, and their memory.
#pragma once

#include <fstream>
#include <functional>
#include <string>

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace bench {

// A child process that is killed with this object. Forked while no loop exists in this process.
class Child {
public:
    explicit Child(const std::function<void()>& role) : pid_(::fork()) {
        if (pid_ != 0) return;
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // whoever kills a parent kills its children
        role();
        ::_exit(0);
    }
    Child(const Child&) = delete;
    Child& operator=(const Child&) = delete;
    ~Child() {
        ::kill(pid_, SIGKILL);
        ::waitpid(pid_, nullptr, 0);
    }
    [[nodiscard]] long resident_kib() const {
        std::ifstream status("/proc/" + std::to_string(pid_) + "/status");
        std::string word;
        while (status >> word)
            if (word == "VmRSS:") {
                long value = 0;
                status >> value;
                return value;
            }
        return 0;
    }

private:
    pid_t pid_;
};

}  // namespace bench
