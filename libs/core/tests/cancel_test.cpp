// Cancellation: one meaning everywhere, and nothing is lost by it.
#include <weft/core.hpp>

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

namespace weft {
namespace {

using namespace std::chrono_literals;

template <class T>
T run_manual(Task<T> task) {
    Loop loop(TimeSource::manual);
    return loop.run(std::move(task));
}

TEST(Cancel, before_the_start_the_body_never_runs) {
    bool ran = false;
    auto body = [&]() -> Task<void> {
        ran = true;
        co_return;
    };
    auto main = [&]() -> Task<void> {
        auto handle = spawn(body());
        EXPECT_TRUE(handle.cancel());
        try {
            co_await handle;
            ADD_FAILURE() << "no Cancelled";
        } catch (const Cancelled&) {
        }
        EXPECT_TRUE(handle.cancelled());
        EXPECT_FALSE(handle.cancel()) << "an ended task cannot be cancelled";
    };
    run_manual(main());
    EXPECT_FALSE(ran);
}

TEST(Cancel, clean_up_may_await) {
    std::string log;
    auto body = [&]() -> Task<void> {
        bool cancelled = false;
        try {
            co_await sleep(1h);
        } catch (const Cancelled&) {
            cancelled = true;
        }
        co_await sleep(5ms);
        log = cancelled ? "cleaned" : "ran";
    };
    auto main = [&]() -> Task<void> {
        auto handle = spawn(body());
        co_await yield();
        handle.cancel();
        co_await handle;
    };
    run_manual(main());
    EXPECT_EQ(log, "cleaned");
}

TEST(Cancel, passes_from_the_waiter_to_the_awaited_task) {
    auto main = []() -> Task<void> {
        bool inner_cancelled = false;
        auto inner = [&]() -> Task<void> {
            try {
                co_await sleep(1h);
            } catch (const Cancelled&) {
                inner_cancelled = true;
                throw;
            }
        };
        auto outer = [&]() -> Task<void> {
            auto handle = spawn(inner());
            co_await handle;
        };
        auto handle = spawn(outer());
        co_await sleep(1ms);
        handle.cancel();
        try {
            co_await handle;
        } catch (const Cancelled&) {
        }
        EXPECT_TRUE(inner_cancelled);
    };
    run_manual(main());
}

TEST(Cancel, after_the_hand_over_the_item_is_kept_and_the_next_wait_throws) {
    std::vector<int> got;
    bool thrown = false;
    auto main = [&]() -> Task<void> {
        Queue<int> queue(1);
        auto consumer = [&]() -> Task<void> {
            got.push_back(co_await queue.get());
            try {
                co_await sleep(1h);
            } catch (const Cancelled&) {
                thrown = true;
                throw;
            }
        };
        auto handle = spawn(consumer());
        co_await yield();
        queue.try_put(9);
        handle.cancel();
        try {
            co_await handle;
        } catch (const Cancelled&) {
        }
    };
    run_manual(main());
    EXPECT_EQ(got, std::vector<int>{9});
    EXPECT_TRUE(thrown);
}

TEST(Cancel, of_a_gatherer_cancels_and_joins_its_tasks) {
    int cleaned = 0;
    auto main = [&]() -> Task<void> {
        auto child = [&]() -> Task<void> {
            bool cancelled = false;
            try {
                co_await sleep(1h);
            } catch (const Cancelled&) {
                cancelled = true;
            }
            if (cancelled) {
                co_await sleep(3ms);
                ++cleaned;
                throw Cancelled();
            }
        };
        auto gatherer = [&]() -> Task<void> { co_await gather(child(), child(), child()); };
        auto handle = spawn(gatherer());
        co_await yield();
        co_await yield();
        handle.cancel();
        try {
            co_await handle;
        } catch (const Cancelled&) {
        }
        EXPECT_EQ(cleaned, 3);
    };
    run_manual(main());
}

TEST(Timeout, throws_timeout_error_after_the_inner_clean_up) {
    auto main = []() -> Task<void> {
        bool cleaned = false;
        auto slow = [&]() -> Task<int> {
            try {
                co_await sleep(1h);
            } catch (const Cancelled&) {
                cleaned = true;
                throw;
            }
            co_return 1;
        };
        try {
            co_await timeout(10ms, slow());
            ADD_FAILURE() << "no TimeoutError";
        } catch (const TimeoutError& e) {
            EXPECT_STREQ(e.what(), "timed out after 0.01 s");
        }
        EXPECT_TRUE(cleaned);
        co_await sleep(1ms);  // and the task is not cancelled any more
    };
    run_manual(main());
}

TEST(Timeout, lets_value_and_error_through) {
    auto value = []() -> Task<int> { co_return 4; };
    auto error = []() -> Task<int> {
        co_await sleep(1ms);
        throw Error("refused");
    };
    auto main = [&]() -> Task<void> {
        const int v = co_await timeout(1s, value());
        EXPECT_EQ(v, 4);
        try {
            co_await timeout(1s, error());
            ADD_FAILURE() << "no Error";
        } catch (const TimeoutError&) {
            ADD_FAILURE() << "TimeoutError instead of the error";
        } catch (const Error&) {
        }
    };
    run_manual(main());
}

TEST(Timeout, nested_scopes_each_take_their_own) {
    auto main = []() -> Task<void> {
        std::string log;
        auto inner = [&]() -> Task<void> {
            try {
                co_await timeout(1s, sleep(1h));
            } catch (const TimeoutError&) {
                log += "inner;";
                throw;
            }
        };
        try {
            co_await timeout(10ms, inner());
        } catch (const TimeoutError&) {
            log += "outer;";
        }
        EXPECT_EQ(log, "outer;");
    };
    run_manual(main());
}

TEST(Timeout, a_cancellation_from_outside_stays_one) {
    auto main = []() -> Task<void> {
        auto limited = []() -> Task<void> { co_await timeout(1s, sleep(1h)); };
        auto handle = spawn(limited());
        co_await yield();
        handle.cancel();
        bool cancelled = false;
        try {
            co_await handle;
        } catch (const Cancelled&) {
            cancelled = true;
        }
        EXPECT_TRUE(cancelled);
    };
    run_manual(main());
}

TEST(Semaphore, is_fair_and_a_cancelled_waiter_takes_no_permit) {
    auto main = []() -> Task<void> {
        Semaphore semaphore(1);
        std::string order;
        auto worker = [&](char name) -> Task<void> {
            auto permit = co_await semaphore.acquire();
            order += name;
            co_await sleep(1ms);
        };
        auto a = spawn(worker('a'));
        auto b = spawn(worker('b'));
        auto c = spawn(worker('c'));
        co_await yield();
        b.cancel();
        co_await c;
        EXPECT_EQ(order, "ac");
        EXPECT_EQ(semaphore.available(), 1u);
    };
    run_manual(main());
}

TEST(Queue, pushes_back_and_ends) {
    auto main = []() -> Task<void> {
        Queue<int> queue(2);
        int accepted = 0;
        auto producer = [&]() -> Task<void> {
            for (int i = 0; i < 5; ++i) {
                co_await queue.put(i);
                ++accepted;
            }
            queue.close();
        };
        auto handle = spawn(producer());
        co_await sleep(1ms);
        EXPECT_EQ(accepted, 2);
        std::vector<int> got;
        for (;;) {
            auto item = co_await queue.next();
            if (!item) break;
            got.push_back(*item);
        }
        EXPECT_EQ(got, (std::vector<int>{0, 1, 2, 3, 4}));
        bool refused = false;
        try {
            co_await queue.put(1);
        } catch (const ClosedError&) {
            refused = true;
        }
        EXPECT_TRUE(refused);
    };
    run_manual(main());
}

// Whatever is cancelled when, every permit comes back and every item arrives once.
TEST(Cancel, random_cancellations_lose_nothing) {
    auto main = []() -> Task<void> {
        std::mt19937 random(7);
        Semaphore semaphore(3);
        Queue<int> queue(4);
        int put = 0;
        int got = 0;
        for (int round = 0; round < 3000; ++round) {
            auto producer = [&]() -> Task<void> {
                auto permit = co_await semaphore.acquire();
                co_await queue.put(round);
                ++put;
                co_await yield();
            };
            auto consumer = [&]() -> Task<void> {
                co_await queue.get();
                ++got;
                co_await yield();
            };
            std::vector<TaskHandle<void>> handles;
            for (int i = 0; i < 6; ++i)
                handles.push_back(random() % 2 ? spawn(producer()) : spawn(consumer()));
            for (int i = 0; i < 4; ++i) {
                handles[random() % handles.size()].cancel();
                if (random() % 2) co_await yield();
            }
            for (auto& handle : handles) handle.cancel();
            for (auto& handle : handles) {
                try {
                    co_await handle;
                } catch (const Cancelled&) {
                }
            }
            EXPECT_EQ(semaphore.available(), 3u);
        }
        EXPECT_EQ(put, got + static_cast<int>(queue.size()));
        EXPECT_GT(got, 100);
    };
    run_manual(main());
}

TEST(Loop, destroying_it_destroys_suspended_tasks) {
    auto held = std::make_shared<int>(0);
    {
        Loop loop(TimeSource::manual);
        auto stuck = [](std::shared_ptr<int> p, Event* never) -> Task<void> {
            co_await never->wait();
            ++*p;
        };
        Event never;
        auto main = [&]() -> Task<void> {
            auto handle = spawn(stuck(held, &never));
            co_await yield();
            throw Error("main fails");
        };
        EXPECT_THROW(loop.run(main()), Error);
        EXPECT_EQ(held.use_count(), 1) << "the loop cancels and joins what is left";
    }
}

}  // namespace
}  // namespace weft
