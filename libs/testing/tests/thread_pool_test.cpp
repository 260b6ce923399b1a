#include <weft/core.hpp>
#include <weft/testing/co_test.hpp>

#include <atomic>
#include <csignal>
#include <future>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <unistd.h>

namespace weft::testing {
namespace {

using namespace std::chrono_literals;

CO_TEST(ToThread, gives_the_value_of_a_function_on_another_thread) {
    ThreadPool pool(2);
    const auto here = std::this_thread::get_id();
    const auto there = co_await to_thread(pool, [] { return std::this_thread::get_id(); });
    EXPECT_NE(here, there);
    auto moved = co_await to_thread(pool, [] { return std::make_unique<int>(7); });
    EXPECT_EQ(*moved, 7);
    bool called = false;
    co_await to_thread(pool, [&called] { called = true; });
    EXPECT_TRUE(called);
}

CO_TEST(ToThread, passes_exceptions_on) {
    ThreadPool pool(1);
    std::string text;
    try {
        co_await to_thread(pool, []() -> int { throw std::runtime_error("from there"); });
    } catch (const std::runtime_error& e) {
        text = e.what();
    }
    EXPECT_EQ(text, "from there");
}

Task<int> square_slowly(ThreadPool& pool, int x) {
    auto f = [x] { return x * x; };
    auto y = co_await to_thread(pool, f);
    co_return y;
}

CO_TEST(ToThread, many_tasks_share_a_pool) {
    ThreadPool pool(4);
    std::vector<Task<int>> tasks;
    for (int i = 0; i < 2000; ++i) tasks.push_back(square_slowly(pool, i));
    const auto squares = co_await gather(std::move(tasks));
    for (int i = 0; i < 2000; ++i) EXPECT_EQ(squares[static_cast<std::size_t>(i)], i * i);
}

// Blocks threads until the test lets them go.
struct Gate {
    std::promise<void> open;
    std::shared_future<void> opened{open.get_future()};
    std::atomic<int> entered = 0;
};

CO_TEST(ToThread, cancelling_stops_waiting_and_drops_what_has_not_started) {
    const auto gate = std::make_shared<Gate>();
    const auto finished = std::make_shared<std::atomic<int>>(0);
    auto pool = std::make_unique<ThreadPool>(1);
    const auto block = [gate, finished] {
        ++gate->entered;
        gate->opened.wait();
        ++*finished;
    };
    auto runs = spawn(to_thread(*pool, block));
    auto waits = spawn(to_thread(*pool, block));
    while (gate->entered == 0) co_await sleep(1ms);
    EXPECT_EQ(pool->queued(), 1u);
    runs.cancel();
    waits.cancel();
    int cancelled = 0;
    for (auto* handle : {&runs, &waits}) {
        try {
            co_await *handle;
        } catch (const Cancelled&) {
            ++cancelled;
        }
    }
    EXPECT_EQ(cancelled, 2);
    EXPECT_EQ(*finished, 0);
    gate->open.set_value();
    pool.reset();
    EXPECT_EQ(*finished, 1) << "what ran went on, what waited never started";
}

TEST(ToThreadLoop, a_function_may_outlive_the_loop_that_asked) {
    const auto gate = std::make_shared<Gate>();
    ThreadPool pool(1);
    for (int i = 0; i < 20; ++i) {
        const auto main = [&]() -> Task<void> {
            auto f = [gate] {
                ++gate->entered;
                std::this_thread::sleep_for(200us);
                return std::string(100, 'x');
            };
            auto handle = spawn(to_thread(pool, std::move(f)));
            co_await sleep(std::chrono::microseconds(100));
        };
        weft::testing::run(main());
    }
    EXPECT_LE(gate->entered, 20);
}

CO_TEST(ToThread, a_pool_that_dies_ends_those_who_wait) {
    const auto gate = std::make_shared<Gate>();
    auto pool = std::make_unique<ThreadPool>(1);
    auto block = [gate] {
        ++gate->entered;
        gate->opened.wait();
        return 1;
    };
    auto first = spawn(to_thread(*pool, block));
    auto second = spawn(to_thread(*pool, block));
    while (gate->entered == 0) co_await sleep(1ms);
    gate->open.set_value();
    // The first one runs; whether the second one has begun is the threads' race, both ends are right.
    pool.reset();
    const int value = co_await first;
    EXPECT_EQ(value, 1);
    try {
        co_await second;
        EXPECT_EQ(gate->entered, 2);
    } catch (const ClosedError&) {
        EXPECT_EQ(gate->entered, 1);
    }
}

TEST(ThreadPool, threads_block_signals_and_have_a_name) {
    EXPECT_THROW(ThreadPool(0), UsageError);
    ThreadPool pool(1, "a long name for threads");
    EXPECT_EQ(pool.threads(), 1u);
    std::promise<std::pair<bool, std::string>> seen;
    pool.submit([&] {
        sigset_t mask;
        ::pthread_sigmask(SIG_SETMASK, nullptr, &mask);
        char name[16] = {};
        ::pthread_getname_np(::pthread_self(), name, sizeof name);
        seen.set_value({sigismember(&mask, SIGINT) == 1 && sigismember(&mask, SIGCHLD) == 1, name});
    });
    const auto [blocked, name] = seen.get_future().get();
    EXPECT_TRUE(blocked);
    EXPECT_EQ(name, "a long name for");
}

TEST(LoopPost, many_threads_reach_one_loop) {
    Loop loop;
    int count = 0;
    Event all;
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t)
        threads.emplace_back([&] {
            for (int i = 0; i < 1000; ++i)
                loop.post([&] {
                    if (++count == 4000) all.set();
                });
        });
    const auto main = [&]() -> Task<void> { co_await all.wait(); };
    loop.run(timeout(20s, main()));
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(count, 4000);
}

// Several loops

TEST(RunLoops, each_loop_has_its_thread) {
    std::mutex mutex;
    std::set<std::thread::id> threads;
    std::set<unsigned> indexes;
    const auto main = [&](unsigned index) -> Task<void> {
        co_await sleep(1ms);
        const std::lock_guard lock(mutex);
        threads.insert(std::this_thread::get_id());
        indexes.insert(index);
    };
    EXPECT_EQ(run(main, RunOptions().loops(3)), 0);
    EXPECT_EQ(threads.size(), 3u);
    EXPECT_EQ(indexes, (std::set<unsigned>{0, 1, 2}));
    EXPECT_TRUE(threads.contains(std::this_thread::get_id()));
}

TEST(RunLoops, a_failure_cancels_the_others_and_is_thrown) {
    for (const unsigned failing : {0u, 1u, 2u}) {
        std::atomic<int> cancelled = 0;
        std::atomic<int> waiting = 0;
        const auto main = [&, failing](unsigned index) -> Task<void> {
            if (index == failing) {
                // A task that is cancelled before it starts never runs, so it could not be counted.
                while (waiting < 2) co_await sleep(1ms);
                throw std::runtime_error("loop " + std::to_string(index));
            }
            ++waiting;
            try {
                co_await sleep(1h);
            } catch (const Cancelled&) {
                ++cancelled;
                throw;
            }
        };
        std::string text;
        try {
            run(main, RunOptions().loops(3));
        } catch (const std::runtime_error& e) {
            text = e.what();
        }
        EXPECT_EQ(text, "loop " + std::to_string(failing));
        EXPECT_EQ(cancelled, 2);
    }
}

TEST(RunLoops, a_signal_cancels_all_of_them) {
    std::atomic<int> waiting = 0;
    std::atomic<int> cancelled = 0;
    const auto main = [&](unsigned index) -> Task<void> {
        if (index == 0) co_return;  // the one that takes signals has ended; they are taken all the same
        ++waiting;
        try {
            if (index == 1) {
                while (waiting < 2) co_await sleep(1ms);
                ::kill(::getpid(), SIGTERM);
            }
            co_await sleep(1h);
        } catch (const Cancelled&) {
            ++cancelled;
            throw;
        }
    };
    EXPECT_EQ(run(main, RunOptions().loops(3)), 128 + SIGTERM);
    EXPECT_EQ(cancelled, 2);
}

Task<void> answer_with_index(Connection& connection, unsigned index) {
    connection.writer.write(std::to_string(index) + "\n");
    co_return;
}

TEST(RunLoops, listeners_share_a_port) {
    // Held until the loops listen, so that nobody else takes the port.
    Listener probe(SocketAddress::loopback(0), ListenOptions().reuse_port(true));
    const SocketAddress address = probe.local_address();
    std::atomic<unsigned> listening = 0;
    std::atomic<bool> done = false;
    std::set<std::string> answers;
    const auto main = [&](unsigned index) -> Task<void> {
        const ConnectionHandler handler = [index](Connection& c) { return answer_with_index(c, index); };
        auto server = start_server(handler, address, ServerOptions().reuse_port(true));
        ++listening;
        while (listening < 2) co_await sleep(1ms);
        if (index == 0) {
            probe.close();
            // The kernel spreads by a hash of the ports: 64 times the same one of two is out of the question.
            for (int i = 0; i < 64; ++i) {
                auto connection = co_await open_connection(address);
                const auto line = co_await connection.reader.read_line();
                answers.insert(line.value_or("nothing"));
            }
            done = true;
        }
        while (!done) co_await sleep(1ms);
        co_await server.close();
    };
    EXPECT_EQ(run(main, RunOptions().loops(2)), 0);
    EXPECT_EQ(answers, (std::set<std::string>{"0", "1"}));
}

}  // namespace
}  // namespace weft::testing
