#include "blocked_signals.hpp"

#include <weft/core/error.hpp>
#include <weft/core/event.hpp>
#include <weft/core/loop.hpp>
#include <weft/core/run.hpp>
#include <weft/core/run_loops.hpp>
#include <weft/core/spawn.hpp>

#include <atomic>
#include <mutex>
#include <thread>
#include <vector>

#include <sched.h>

namespace weft {

namespace {

class Fleet {
public:
    Fleet(std::function<Task<void>(unsigned)> main, unsigned count, const RunOptions& options)
        : main_(std::move(main)), options_(options), members_(count), running_(count) {}

    // One member's whole life, on its thread.
    void run_member(unsigned index) noexcept {
        if (index != 0) begun_.wait(false);
        try {
            Loop loop;
            options_.apply_to(loop);
            const Registered registered(*this, index, loop);
            loop.run(index == 0 ? lead(this) : member(this, index));
        } catch (...) {
            fail(std::current_exception());
        }
        if (index != 0) count_end();
    }

    void stop() noexcept {
        const std::lock_guard lock(mutex_);
        stop_locked();
    }

    int finish() {
        if (failure_) std::rethrow_exception(failure_);
        return signal_ == 0 ? 0 : exit_status_of_signal(signal_);
    }

    void fail(std::exception_ptr error) noexcept {
        begin();
        const std::lock_guard lock(mutex_);
        if (!failure_) failure_ = std::move(error);
        stop_locked();
    }

private:
    // The other members start when the first one takes signals: what comes before would end the process.
    void begin() noexcept {
        begun_ = true;
        begun_.notify_all();
    }

    struct Member {
        Loop* loop = nullptr;              // guarded by mutex_
        TaskHandle<void>* main = nullptr;  // of the member's own thread
    };

    // Others may post to the loop while it stands here.
    class Registered {
    public:
        Registered(Fleet& fleet, unsigned index, Loop& loop) : fleet_(fleet), index_(index) {
            const std::lock_guard lock(fleet_.mutex_);
            fleet_.members_[index_].loop = &loop;
        }
        Registered(const Registered&) = delete;
        Registered& operator=(const Registered&) = delete;
        ~Registered() {
            const std::lock_guard lock(fleet_.mutex_);
            fleet_.members_[index_].loop = nullptr;
        }

    private:
        Fleet& fleet_;
        unsigned index_;
    };

    void stop_locked() noexcept {
        stopping_ = true;
        for (Member& m : members_)
            if (m.loop)
                m.loop->post([&m] {
                    if (m.main) m.main->cancel();
                });
    }

    // The member's main, to its end. Cancelled is expected once all are told to stop.
    static Task<void> member(Fleet* fleet, unsigned index) {
        Member& self = fleet->members_[index];
        auto task = spawn(fleet->main_(index), "main " + std::to_string(index));
        self.main = &task;
        // A stop before this loop was registered reached nobody here.
        if (fleet->stopping_) task.cancel();
        try {
            co_await task;
        } catch (const Cancelled&) {
            if (!fleet->stopping_) fleet->fail(std::current_exception());
        } catch (...) {
            fleet->fail(std::current_exception());
        }
        self.main = nullptr;
    }

    void count_end() noexcept {
        if (--running_ > 0) return;
        const std::lock_guard lock(mutex_);
        if (Loop* leader = members_[0].loop) leader->post([this] { all_ended_.set(); });
    }

    // The first member takes the signals, as long as any member runs.
    static Task<void> lead(Fleet* fleet) {
        auto watcher = spawn(watch(fleet, detail::interrupt_signals()), "signals");
        fleet->begin();
        co_await member(fleet, 0);
        fleet->count_end();
        co_await fleet->all_ended_.wait();
    }

    static Task<void> watch(Fleet* fleet, Signals signals) {
        for (;;) {
            const int signal = co_await signals.next();
            fleet->signal_ = signal;
            fleet->stop();
        }
    }

    std::function<Task<void>(unsigned)> main_;
    const RunOptions& options_;
    std::vector<Member> members_;
    std::atomic<unsigned> running_;
    std::atomic<bool> begun_ = false;
    std::atomic<bool> stopping_ = false;
    std::mutex mutex_;
    std::exception_ptr failure_;  // guarded by mutex_ while threads run
    Event all_ended_;             // of the first member's loop
    int signal_ = 0;              // of the first member's thread
};

unsigned usable_cores() {
    cpu_set_t cores;
    return ::sched_getaffinity(0, sizeof cores, &cores) == 0 ? static_cast<unsigned>(CPU_COUNT(&cores)) : 1;
}

}  // namespace

int run(std::function<Task<void>(unsigned)> main, RunOptions options) {
    if (!main) throw UsageError("run() without a main function");
    const unsigned count = options.loops() == 0 ? usable_cores() : options.loops();
    Fleet fleet(std::move(main), count, options);
    std::vector<std::thread> threads;
    try {
        const detail::BlockedSignals blocked;
        for (unsigned i = 1; i < count; ++i) threads.emplace_back([&fleet, i] { fleet.run_member(i); });
    } catch (const std::system_error& e) {
        fleet.fail(std::make_exception_ptr(SystemError(e.code(), "start a thread for a loop")));
        for (std::thread& thread : threads) thread.join();
        return fleet.finish();
    }
    fleet.run_member(0);
    for (std::thread& thread : threads) thread.join();
    return fleet.finish();
}

}  // namespace weft
