#include "blocked_signals.hpp"

#include <weft/core/error.hpp>
#include <weft/core/thread_pool.hpp>

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <vector>

namespace weft {

struct ThreadPool::State {
    std::mutex mutex;
    std::condition_variable work;
    std::deque<UniqueFunction> queue;  // guarded by mutex
    bool stopping = false;             // guarded by mutex
    std::vector<std::thread> threads;

    State(std::size_t count, const std::string& name) {
        const detail::BlockedSignals blocked;
        try {
            while (threads.size() < count) {
                threads.emplace_back([this] { serve(); });
                ::pthread_setname_np(threads.back().native_handle(), name.substr(0, 15).c_str());
            }
        } catch (const std::system_error& e) {
            stop();
            throw SystemError(e.code(), "start thread " + std::to_string(threads.size() + 1) + " of " +
                                            std::to_string(count) + " of the pool '" + name + "'");
        }
    }
    ~State() { stop(); }

    void serve() noexcept {
        std::unique_lock lock(mutex);
        for (;;) {
            work.wait(lock, [this] { return stopping || !queue.empty(); });
            if (stopping) return;
            UniqueFunction job = std::move(queue.front());
            queue.pop_front();
            lock.unlock();
            job();
            job = UniqueFunction();
            lock.lock();
        }
    }

    void stop() noexcept {
        std::deque<UniqueFunction> dropped;
        {
            const std::lock_guard lock(mutex);
            stopping = true;
            dropped.swap(queue);
        }
        work.notify_all();
        for (std::thread& thread : threads)
            if (thread.joinable()) thread.join();
    }
};

ThreadPool::ThreadPool(std::size_t threads, const std::string& name) {
    if (threads == 0) throw UsageError("a thread pool without threads");
    state_ = make_pimpl<State>(threads, name);
}

void ThreadPool::submit(UniqueFunction job) {
    {
        const std::lock_guard lock(state_->mutex);
        state_->queue.push_back(std::move(job));
    }
    state_->work.notify_one();
}

std::size_t ThreadPool::threads() const noexcept { return state_->threads.size(); }

std::size_t ThreadPool::queued() const {
    const std::lock_guard lock(state_->mutex);
    return state_->queue.size();
}

}  // namespace weft
