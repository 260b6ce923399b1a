// Every core primitive and every network scenario, stopped at each of its steps.
#include <weft/core.hpp>
#include <weft/testing/loop_stepper.hpp>
#include <weft/testing/memory_stream.hpp>
#include <weft/testing/sweep.hpp>

#include <gtest/gtest.h>

#include <array>
#include <cerrno>
#include <string>
#include <vector>

#include <sys/wait.h>

namespace weft::testing {
namespace {

using namespace std::chrono_literals;

void sweep(const SweepScenario& scenario) {
    EXPECT_GT(sweep_destruction(scenario), 1u);
    EXPECT_GT(sweep_cancellation(scenario), 1u);
}

// With descriptors: in real time.
void sweep_io(const SweepScenario& scenario, SweepOptions options = SweepOptions()) {
    options.time_ = TimeSource::steady_clock;
    EXPECT_GT(sweep_destruction(scenario, options), 1u);
    EXPECT_GT(sweep_cancellation(scenario, options), 1u);
}

Task<void> use_semaphore(Semaphore& semaphore, int& inside) {
    for (int i = 0; i < 3; ++i) {
        auto permit = co_await semaphore.acquire();
        EXPECT_LE(++inside, 2);
        struct Leave {
            int& count;
            ~Leave() { --count; }
        } leave{inside};
        co_await yield();
    }
}

TEST(Sweep, semaphore_with_tasks_of_a_group) {
    sweep([]() -> Task<void> {
        Semaphore semaphore(2);
        int inside = 0;
        const auto body = [&](TaskGroup& group) -> Task<void> {
            for (int i = 0; i < 4; ++i) group.spawn(use_semaphore(semaphore, inside));
            co_return;
        };
        std::exception_ptr failure;
        try {
            co_await with_task_group(body);
        } catch (...) {
            failure = std::current_exception();
        }
        EXPECT_EQ(semaphore.available(), 2u);
        EXPECT_EQ(inside, 0);
        if (failure) std::rethrow_exception(failure);
    });
}

TEST(Sweep, semaphore_with_spawned_tasks) {
    sweep([]() -> Task<void> {
        Semaphore semaphore(2);
        int inside = 0;
        auto a = spawn(use_semaphore(semaphore, inside));
        auto b = spawn(use_semaphore(semaphore, inside));
        auto c = spawn(use_semaphore(semaphore, inside));
        std::exception_ptr failure;
        try {
            co_await a;
            co_await b;
            co_await c;
        } catch (...) {
            failure = std::current_exception();
        }
        // What the tasks use must outlive them: they are joined before it goes.
        co_await cancel_and_join(a);
        co_await cancel_and_join(b);
        co_await cancel_and_join(c);
        EXPECT_EQ(semaphore.available(), 2u);
        if (failure) std::rethrow_exception(failure);
    });
}

TEST(Sweep, queue_between_producers_and_consumers) {
    sweep([]() -> Task<void> {
        Queue<std::unique_ptr<int>> queue(2);
        int put = 0;
        int got = 0;
        const auto produce = [&]() -> Task<void> {
            for (int i = 0; i < 4; ++i) {
                co_await queue.put(std::make_unique<int>(i));
                ++put;
            }
        };
        const auto consume = [&]() -> Task<void> {
            for (;;) {
                auto item = co_await queue.next();
                if (!item) break;
                ++got;
            }
        };
        const auto produce_all = [&]() -> Task<void> {
            co_await gather(produce(), produce());
            queue.close();
        };
        std::exception_ptr failure;
        try {
            co_await gather(produce_all(), consume(), consume());
        } catch (...) {
            failure = std::current_exception();
        }
        EXPECT_EQ(put, got + static_cast<int>(queue.size()));
        if (failure) std::rethrow_exception(failure);
        EXPECT_EQ(got, 8);
    });
}

TEST(Sweep, event_wakes_several) {
    sweep([]() -> Task<void> {
        Event event;
        const auto wait = [&]() -> Task<int> {
            co_await event.wait();
            co_return 1;
        };
        const auto set = [&]() -> Task<void> {
            co_await sleep(1ms);
            event.set();
        };
        co_await gather(wait(), wait(), set());
        auto again = co_await gather(wait(), wait());
        EXPECT_EQ(std::get<0>(again), 1);
    });
}

TEST(Sweep, gather_with_a_limit_and_clean_up_that_waits) {
    sweep([]() -> Task<void> {
        int running = 0;
        const auto child = [&]() -> Task<int> {
            ++running;
            bool cancelled = false;
            try {
                co_await sleep(2ms);
                co_await yield();
            } catch (const Cancelled&) {
                cancelled = true;
            }
            if (cancelled) co_await sleep(1ms);
            --running;
            if (cancelled) throw Cancelled();
            co_return 1;
        };
        std::vector<Task<int>> tasks;
        for (int i = 0; i < 5; ++i) tasks.push_back(child());
        std::exception_ptr failure;
        try {
            auto values = co_await gather(std::move(tasks), 2);
            EXPECT_EQ(values.size(), 5u);
        } catch (...) {
            failure = std::current_exception();
        }
        EXPECT_EQ(running, 0) << "gather joins";
        if (failure) std::rethrow_exception(failure);
    });
}

TEST(Sweep, gather_settled_collects_failures) {
    sweep([]() -> Task<void> {
        const auto child = [](int i) -> Task<int> {
            co_await sleep(std::chrono::milliseconds(i));
            if (i == 1) throw Error("one");
            co_return i;
        };
        std::vector<Task<int>> tasks;
        for (int i = 0; i < 3; ++i) tasks.push_back(child(i));
        auto outcomes = co_await gather_settled(std::move(tasks));
        EXPECT_EQ(outcomes[1].error_text(), "one");
        EXPECT_EQ(outcomes[2].value(), 2);
    });
}

TEST(Sweep, nested_timeouts_that_expire_and_that_do_not) {
    sweep([]() -> Task<void> {
        const auto inner = []() -> Task<int> {
            int expired = 0;
            try {
                co_await timeout(1ms, sleep(1h));
            } catch (const TimeoutError&) {
                ++expired;
            }
            co_await timeout(1h, sleep(1ms));
            co_return expired;
        };
        const int expired = co_await timeout(1h, inner());
        EXPECT_EQ(expired, 1);
        bool outer = false;
        try {
            co_await timeout(1ms, timeout(1h, sleep(1h)));
        } catch (const TimeoutError&) {
            outer = true;
        }
        EXPECT_TRUE(outer);
        co_await yield();
    });
}

TEST(Sweep, a_group_whose_child_fails) {
    sweep([]() -> Task<void> {
        const auto fail = []() -> Task<void> {
            co_await sleep(1ms);
            throw Error("expected");
        };
        const auto linger = []() -> Task<void> {
            bool cancelled = false;
            try {
                co_await sleep(1h);
            } catch (const Cancelled&) {
                cancelled = true;
            }
            if (cancelled) co_await yield();
        };
        const auto body = [&](TaskGroup& group) -> Task<void> {
            group.spawn(linger());
            group.spawn(fail());
            const auto nested = [&](TaskGroup& inner) -> Task<void> {
                inner.spawn(linger());
                co_await sleep(1h);
            };
            co_await with_task_group(nested);
        };
        bool failed = false;
        try {
            co_await with_task_group(body);
        } catch (const Error&) {
            failed = true;
        }
        EXPECT_TRUE(failed);
        co_await yield();
    });
}

TEST(Sweep, handles_that_are_dropped) {
    sweep([]() -> Task<void> {
        Event event;
        const auto wait = [](Event& e) -> Task<void> { co_await e.wait(); };
        {
            auto dropped = spawn(wait(event));
            co_await yield();
        }
        co_await yield();
        auto kept = spawn(wait(event));
        co_await yield();
        event.set();
        co_await kept;
    });
}

Task<void> converse(std::unique_ptr<Stream> stream) {
    Connection connection(std::move(stream));
    for (int i = 0; i < 3; ++i) {
        connection.writer.write("ask " + std::to_string(i) + "\n");
        co_await connection.writer.drain();
        auto line = co_await connection.reader.read_line();
        EXPECT_EQ(line, "reply");
    }
    connection.writer.close();
    co_await connection.writer.wait_closed();
}

Task<void> answer(std::unique_ptr<Stream> stream) {
    Connection connection(std::move(stream));
    for (;;) {
        auto line = co_await connection.reader.read_line();
        if (!line) break;
        connection.writer.write("reply\n");
    }
    connection.writer.close();
    co_await connection.writer.wait_closed();
}

TEST(Sweep, reader_and_writer_over_a_memory_pair_in_small_pieces) {
    sweep([]() -> Task<void> {
        auto pair = memory_stream_pair({.capacity = 3, .chunk = 2});
        co_await gather(converse(std::move(pair.first)), answer(std::move(pair.second)));
    });
}

TEST(Sweep, a_tcp_server_with_two_clients) {
    sweep_io([]() -> Task<void> {
        const ConnectionHandler handler = [](Connection& connection) -> Task<void> {
            for (;;) {
                auto line = co_await connection.reader.read_line();
                if (!line) co_return;
                connection.writer.write("reply\n");
            }
        };
        auto server = start_server(handler, SocketAddress::loopback(0));
        const auto client = [](SocketAddress address) -> Task<void> {
            auto stream = co_await connect(address);
            co_await converse(std::move(stream));
        };
        co_await gather(client(server.local_address()), client(server.local_address()));
        co_await server.close();
    });
}

TEST(Sweep, happy_eyeballs_with_a_refusing_address) {
    sweep_io([]() -> Task<void> {
        Listener listener(SocketAddress::loopback(0));
        SocketAddress dead;
        {
            Listener gone(SocketAddress::loopback(0));
            dead = gone.local_address();
        }
        std::vector<SocketAddress> addresses;
        addresses.push_back(dead);
        addresses.push_back(listener.local_address());
        auto stream = co_await connect_any(std::move(addresses), 5ms);
        auto accepted = co_await listener.accept();
        EXPECT_NE(accepted, nullptr);
    });
}

TEST(Sweep, resolve_with_a_server_that_is_not_there) {
    sweep_io([]() -> Task<void> {
        const auto options = ResolveOptions().servers("127.0.0.1:1").try_timeout(5ms).tries(2);
        bool failed = false;
        try {
            co_await resolve("sw1.example", 1, options);
        } catch (const ResolveError&) {
            failed = true;
        }
        EXPECT_TRUE(failed);
        auto local = co_await resolve("localhost", 1, options);
        EXPECT_FALSE(local.empty());
        co_await yield();
    });
}

TEST(Sweep, run_process_leaves_no_child_wherever_it_is_stopped) {
    auto options = SweepOptions().check([] {
        siginfo_t info{};
        EXPECT_NE(::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT), 0);
        EXPECT_EQ(errno, ECHILD);
    });
    sweep_io(
        []() -> Task<void> {
            std::vector<std::string> args;
            args.emplace_back("cat");
            auto result = co_await run_process(std::move(args), ProcessOptions().input("hello").grace(1s));
            EXPECT_EQ(result.out, "hello");
        },
        std::move(options));
}

TEST(SweepItself, finds_a_leaked_descriptor_a_swallowed_error_and_a_hang) {
    const SweepScenario leak = []() -> Task<void> {
        (void)::dup(0);
        co_await yield();
    };
    EXPECT_THROW(sweep_destruction(leak), SweepError);
    const SweepScenario error = []() -> Task<void> {
        bool cancelled = false;
        try {
            co_await sleep(1ms);
        } catch (const Cancelled&) {
            cancelled = true;
        }
        if (cancelled) throw Error("clean-up failed");
    };
    EXPECT_THROW(sweep_cancellation(error), SweepError);
    const SweepScenario hang = []() -> Task<void> {
        Event never;
        bool cancelled = false;
        try {
            co_await sleep(1ms);
        } catch (const Cancelled&) {
            cancelled = true;
        }
        if (cancelled) co_await never.wait();
    };
    EXPECT_THROW(sweep_cancellation(hang), SweepError);
}

}  // namespace
}  // namespace weft::testing
