#include <weft/core.hpp>
#include <weft/core/process.hpp>
#include <weft/testing/co_test.hpp>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

namespace weft::testing {
namespace {

using namespace std::chrono_literals;

std::vector<std::string> shell(std::string script) { return {"sh", "-c", std::move(script)}; }

// This process has no child, alive or dead.
bool has_no_children() {
    siginfo_t info{};
    return ::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) != 0 && errno == ECHILD;
}

bool is_alive(int pid) { return ::kill(pid, 0) == 0; }

CO_TEST(RunProcess, gives_output_and_status) {
    auto args = shell("echo out; echo err >&2; exit 3");
    const auto result = co_await run_process(std::move(args));
    EXPECT_EQ(result.out, "out\n");
    EXPECT_EQ(result.err, "err\n");
    EXPECT_EQ(result.status.code, 3);
    EXPECT_FALSE(result.ok());
    std::string text;
    try {
        result.require_success();
    } catch (const ProcessError& e) {
        text = e.what();
    }
    EXPECT_NE(text.find("exit status 3: err"), std::string::npos) << text;
    EXPECT_TRUE(has_no_children());
}

CO_TEST(RunProcess, a_signal_is_no_exit_status) {
    auto args = shell("kill -9 $$");
    const auto result = co_await run_process(std::move(args));
    EXPECT_EQ(result.status.signal, SIGKILL);
    EXPECT_EQ(result.status.to_string(), "signal 9 (Killed)");
}

CO_TEST(RunProcess, a_missing_program_names_itself) {
    std::vector<std::string> args(1, "weft-no-such-program");
    std::string text;
    try {
        co_await run_process(std::move(args));
    } catch (const SystemError& e) {
        EXPECT_EQ(e.code(), std::errc::no_such_file_or_directory);
        text = e.what();
    }
    EXPECT_NE(text.find("weft-no-such-program"), std::string::npos) << text;
    EXPECT_TRUE(has_no_children());
}

// Each pipe holds 64 KiB: reading or writing them one after the other would lock up.
CO_TEST(RunProcess, large_output_on_both_pipes_and_large_input_do_not_deadlock) {
    const std::string input(500'000, 'i');
    auto args =
        shell("head -c 300000 /dev/zero; head -c 300000 /dev/zero >&2; cat; head -c 300000 /dev/zero >&2");
    const auto result = co_await run_process(std::move(args), ProcessOptions().input(input));
    EXPECT_EQ(result.out.size(), 300'000 + input.size());
    EXPECT_EQ(result.err.size(), 600'000u);
    EXPECT_TRUE(result.ok());
}

CO_TEST(RunProcess, keeps_the_output_limit_and_counts_the_rest) {
    auto args = shell("head -c 200000 /dev/zero");
    const auto result = co_await run_process(std::move(args), ProcessOptions().output_limit(1000));
    EXPECT_EQ(result.out.size(), 1000u);
    EXPECT_EQ(result.out_dropped, 199'000u);
}

CO_TEST(RunProcess, a_child_that_does_not_read_its_input_is_no_error) {
    auto args = shell("exit 0");
    const auto result =
        co_await run_process(std::move(args), ProcessOptions().input(std::string(1 << 20, 'x')));
    EXPECT_TRUE(result.ok());
    sigset_t pending;
    ::sigpending(&pending);
    EXPECT_FALSE(sigismember(&pending, SIGPIPE));
}

CO_TEST(RunProcess, takes_environment_and_directory) {
    auto args = shell("echo $WEFT_A $HOME; pwd");
    const auto result = co_await run_process(
        std::move(args),
        ProcessOptions().env("WEFT_A", "a b").env("HOME", "/nowhere").working_directory("/"));
    EXPECT_EQ(result.out, "a b /nowhere\n/\n");
    auto printenv = std::vector<std::string>(1, "/usr/bin/env");
    const auto bare = co_await run_process(std::move(printenv), ProcessOptions().clear_env().env("X", "1"));
    EXPECT_EQ(bare.out, "X=1\n");
}

CO_TEST(RunProcess, the_child_has_default_signals_an_empty_mask_and_three_descriptors) {
    sigset_t set;
    sigset_t before;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGUSR1);
    ::pthread_sigmask(SIG_BLOCK, &set, &before);
    const auto previous = std::signal(SIGPIPE, SIG_IGN);
    int leaky[2];
    EXPECT_EQ(::pipe(leaky), 0);  // not close-on-exec
    auto args = shell("grep -E '^Sig(Blk|Ign)' /proc/self/status; ls /proc/self/fd | wc -l");
    const auto result = co_await run_process(std::move(args));
    ::close(leaky[0]);
    ::close(leaky[1]);
    std::signal(SIGPIPE, previous);
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    unsigned long long blocked = 1;
    unsigned long long ignored = 1;
    int descriptors = 0;
    EXPECT_EQ(
        std::sscanf(result.out.c_str(), "SigBlk: %llx SigIgn: %llx %d", &blocked, &ignored, &descriptors), 3);
    EXPECT_EQ(blocked, 0u);
    // glibc ignores its own two signals, 32 and 33, in what it spawns.
    constexpr unsigned long long internal = 0x180000000;
    EXPECT_EQ(ignored & ~internal, 0u);
    EXPECT_EQ(descriptors, 4) << "ls has its folder open besides its three";
}

CO_TEST(RunProcess, a_timeout_stops_the_whole_group_and_leaves_no_zombie) {
    int pids[2];
    EXPECT_EQ(::pipe(pids), 0);
    UniqueFd r(pids[0]);
    ::close(pids[1]);
    char name[] = "/tmp/weft-process-XXXXXX";
    const UniqueFd file(::mkstemp(name));
    auto args = shell("sleep 100 & echo $! > " + std::string(name) + "; sleep 100 & wait");
    bool timed_out = false;
    try {
        co_await timeout(200ms, run_process(std::move(args)));
    } catch (const TimeoutError&) {
        timed_out = true;
    }
    EXPECT_TRUE(timed_out);
    EXPECT_TRUE(has_no_children());
    char text[32] = {};
    EXPECT_GT(::pread(file.get(), text, sizeof text - 1, 0), 0);
    const int grandchild = std::atoi(text);
    EXPECT_GT(grandchild, 1);
    // It is init's child now; it goes as soon as the kernel delivered the signal and init collected it.
    for (int i = 0; i < 2000 && is_alive(grandchild); ++i) {
        auto state =
            shell("test \"$(sed 's/.*) //;s/ .*//' /proc/" + std::to_string(grandchild) + "/stat)\" = Z");
        const auto zombie = co_await run_process(std::move(state));
        if (zombie.ok()) break;
        co_await sleep(1ms);
    }
    auto stat = shell("sed 's/.*) //;s/ .*//' /proc/" + std::to_string(grandchild) +
                      "/stat 2>/dev/null || echo gone");
    const auto left = co_await run_process(std::move(stat));
    EXPECT_TRUE(left.out == "Z\n" || left.out.find("gone") != std::string::npos || left.out.empty())
        << left.out;
    ::unlink(name);
}

CO_TEST(RunProcess, a_child_that_ignores_sigterm_is_killed_after_the_grace) {
    auto args = shell("trap '' TERM; while :; do sleep 0.01; done");
    bool timed_out = false;
    const auto start = Clock::now();
    try {
        co_await timeout(100ms, run_process(std::move(args), ProcessOptions().grace(50ms)));
    } catch (const TimeoutError&) {
        timed_out = true;
    }
    EXPECT_TRUE(timed_out);
    EXPECT_LT(Clock::now() - start, 5s);
    EXPECT_TRUE(has_no_children());
}

CO_TEST(Process, a_conversation_over_its_pipes) {
    const std::vector<std::string> args(1, "cat");
    Process process(args, ProcessOptions().stdio(Stdio::pipe, Stdio::pipe, Stdio::null));
    EXPECT_EQ(process.err(), nullptr);
    co_await process.in()->write_all("hello");
    std::string text(5, ' ');
    co_await process.out()->read_exactly(std::as_writable_bytes(std::span(text)));
    EXPECT_EQ(text, "hello");
    EXPECT_EQ(process.out()->peer(), "stdout of cat");
    process.in()->close();
    const ExitStatus status = co_await process.wait();
    EXPECT_TRUE(status.ok());
    const ExitStatus again = co_await process.wait();
    EXPECT_TRUE(again.ok());
    process.signal(SIGKILL);  // to nobody
}

CO_TEST(Process, stop_gives_the_status) {
    const auto args = shell("sleep 100");
    Process process(args);
    const ExitStatus status = co_await process.stop();
    EXPECT_EQ(status.signal, SIGTERM);
    EXPECT_TRUE(has_no_children());
}

CO_TEST(Process, cancelling_wait_leaves_it_running) {
    const auto args = shell("sleep 100");
    Process process(args);
    bool timed_out = false;
    try {
        co_await timeout(10ms, process.wait());
    } catch (const TimeoutError&) {
        timed_out = true;
    }
    EXPECT_TRUE(timed_out);
    EXPECT_TRUE(is_alive(process.pid()));
    co_await process.stop();
}

TEST(Process, dropping_it_kills_and_leaves_no_zombie) {
    const auto drop = []() -> Task<void> {
        const auto args = shell("sleep 100");
        Process process(args);
        co_await yield();
    };
    weft::testing::run(drop());
    EXPECT_TRUE(has_no_children());
    {
        const auto args = shell("sleep 100");
        Process process(args);  // and without a loop
    }
    EXPECT_TRUE(has_no_children());
}

}  // namespace
}  // namespace weft::testing
