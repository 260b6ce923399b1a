// Lock, BoundedSemaphore, Condition, Barrier, the queues, Channel.
#include <weft/core.hpp>

#include <gtest/gtest.h>

#include <memory>
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

TEST(Lock, is_fair_and_a_cancelled_waiter_never_holds_it) {
    auto main = []() -> Task<void> {
        Lock lock;
        std::string order;
        auto worker = [&](char name) -> Task<void> {
            auto guard = co_await lock.acquire();
            order += name;
            co_await sleep(1ms);
            order += name;
        };
        auto a = spawn(worker('a'));
        auto b = spawn(worker('b'));
        auto c = spawn(worker('c'));
        co_await yield();
        EXPECT_TRUE(lock.locked());
        EXPECT_FALSE(lock.try_acquire());
        b.cancel();
        co_await c;
        EXPECT_EQ(order, "aacc");
        EXPECT_FALSE(lock.locked());
        auto now = lock.try_acquire();
        EXPECT_TRUE(now);
    };
    run_manual(main());
}

TEST(BoundedSemaphore, refuses_one_release_too_many) {
    auto main = []() -> Task<void> {
        BoundedSemaphore semaphore(1);
        {
            auto permit = co_await semaphore.acquire();
            EXPECT_EQ(semaphore.available(), 0u);
            EXPECT_FALSE(semaphore.try_acquire());
        }
        EXPECT_THROW(semaphore.release(), UsageError);
        auto kept = co_await semaphore.acquire();
        kept.forget();
        semaphore.release();
        EXPECT_EQ(semaphore.available(), 1u);
    };
    run_manual(main());
}

TEST(Condition, waits_for_a_predicate_and_holds_the_lock_afterwards) {
    auto main = []() -> Task<void> {
        Lock lock;
        Condition changed;
        int stock = 0;
        int served = 0;
        auto consumer = [&]() -> Task<void> {
            auto guard = co_await lock.acquire();
            co_await changed.wait_until(guard, [&] { return stock > 0; });
            EXPECT_TRUE(lock.locked());
            --stock;
            ++served;
        };
        auto producer = [&]() -> Task<void> {
            for (int i = 0; i < 3; ++i) {
                auto guard = co_await lock.acquire();
                ++stock;
                changed.notify();
                co_await sleep(1ms);
            }
        };
        co_await gather(consumer(), consumer(), consumer(), producer());
        EXPECT_EQ(served, 3);
        EXPECT_FALSE(lock.locked());
        LockGuard none;
        EXPECT_THROW((void)changed.wait(none), UsageError);
    };
    run_manual(main());
}

TEST(Condition, a_cancelled_waiter_holds_the_lock_and_takes_no_notification) {
    auto main = []() -> Task<void> {
        Lock lock;
        Condition changed;
        std::string log;
        auto waiter = [&](char name) -> Task<void> {
            auto guard = co_await lock.acquire();
            bool cancelled = false;
            try {
                co_await changed.wait(guard);
                log += name;
            } catch (const Cancelled&) {
                cancelled = true;
            }
            EXPECT_TRUE(guard);
            EXPECT_TRUE(lock.locked());
            if (cancelled) log += '!';
        };
        auto a = spawn(waiter('a'));
        auto b = spawn(waiter('b'));
        co_await sleep(1ms);
        {
            auto guard = co_await lock.acquire();
            a.cancel();
            changed.notify();
            co_await sleep(5ms);
            EXPECT_EQ(log, "") << "both need the lock to go on";
        }
        co_await a;
        co_await b;
        EXPECT_EQ(log, "!b");
        EXPECT_FALSE(lock.locked());
    };
    run_manual(main());
}

TEST(Condition, a_cancellation_after_the_notification_comes_at_the_next_wait) {
    auto main = []() -> Task<void> {
        Lock lock;
        Condition changed;
        std::string log;
        auto waiter = [&]() -> Task<void> {
            auto guard = co_await lock.acquire();
            co_await changed.wait(guard);
            log += "notified;";
            try {
                co_await yield();
            } catch (const Cancelled&) {
                log += "cancelled;";
            }
        };
        auto handle = spawn(waiter());
        co_await sleep(1ms);
        {
            auto guard = co_await lock.acquire();
            changed.notify_all();
            handle.cancel();
        }
        co_await handle;
        EXPECT_EQ(log, "notified;cancelled;");
    };
    run_manual(main());
}

TEST(Barrier, lets_all_go_at_once_and_again) {
    auto main = []() -> Task<void> {
        Barrier barrier(3);
        std::vector<std::size_t> places;
        auto party = [&](int delay) -> Task<void> {
            for (int round = 0; round < 2; ++round) {
                co_await sleep(std::chrono::milliseconds(delay));
                const std::size_t place = co_await barrier.wait();
                places.push_back(place);
            }
        };
        co_await gather(party(1), party(2), party(3));
        EXPECT_EQ(places.size(), 6u);
        std::sort(places.begin(), places.end());
        EXPECT_EQ(places, (std::vector<std::size_t>{0, 0, 1, 1, 2, 2}));
        EXPECT_EQ(barrier.waiting(), 0u);
    };
    run_manual(main());
}

TEST(Barrier, a_cancelled_party_does_not_count_and_abort_breaks_it) {
    auto main = []() -> Task<void> {
        Barrier barrier(2);
        int through = 0;
        int broken = 0;
        auto party = [&]() -> Task<void> {
            try {
                co_await barrier.wait();
                ++through;
            } catch (const BrokenBarrierError&) {
                ++broken;
            }
        };
        auto first = spawn(party());
        co_await yield();
        EXPECT_EQ(barrier.waiting(), 1u);
        first.cancel();
        co_await yield();
        EXPECT_EQ(barrier.waiting(), 0u);
        auto second = spawn(party());
        co_await yield();
        EXPECT_EQ(through, 0);
        barrier.abort();
        co_await second;
        EXPECT_EQ(broken, 1);
        co_await party();
        EXPECT_EQ(broken, 2);
        barrier.reset();
        co_await gather(party(), party());
        EXPECT_EQ(through, 2);
        EXPECT_THROW(Barrier(0), UsageError);
    };
    run_manual(main());
}

TEST(Queue, join_waits_for_the_work_on_every_item) {
    auto main = []() -> Task<void> {
        Queue<int> queue(2);
        int worked = 0;
        auto worker = [&]() -> Task<void> {
            for (;;) {
                auto item = co_await queue.next();
                if (!item) break;
                co_await sleep(2ms);
                ++worked;
                queue.task_done();
            }
        };
        auto a = spawn(worker());
        auto b = spawn(worker());
        for (int i = 0; i < 6; ++i) co_await queue.put(i);
        co_await queue.join();
        EXPECT_EQ(worked, 6);
        EXPECT_THROW(queue.task_done(), UsageError);
        queue.close();
        co_await a;
        co_await b;
        co_await queue.join();
    };
    run_manual(main());
}

TEST(Queue, close_and_drop_ends_join_and_tells_how_many_were_lost) {
    auto main = []() -> Task<void> {
        Queue<std::unique_ptr<int>> queue(3);
        for (int i = 0; i < 3; ++i) co_await queue.put(std::make_unique<int>(i));
        auto refused = [&]() -> Task<bool> {
            try {
                co_await queue.put(std::make_unique<int>(9));
            } catch (const ClosedError&) {
                co_return true;
            }
            co_return false;
        };
        auto joiner = [&]() -> Task<void> { co_await queue.join(); };
        auto putting = spawn(refused());
        auto joining = spawn(joiner());
        co_await sleep(1ms);
        EXPECT_FALSE(joining.done());
        EXPECT_EQ(queue.close_and_drop(), 3u);
        co_await joining;
        const bool was_refused = co_await putting;
        EXPECT_TRUE(was_refused);
        auto end = co_await queue.next();
        EXPECT_FALSE(end);
    };
    run_manual(main());
}

TEST(LifoQueue, gives_the_last_first) {
    auto main = []() -> Task<void> {
        LifoQueue<std::string> queue(8);
        co_await queue.put("a");
        co_await queue.put("b");
        auto last = co_await queue.get();
        EXPECT_EQ(last, "b");
    };
    run_manual(main());
}

TEST(PriorityQueue, gives_the_least_first_and_equals_in_order) {
    auto main = []() -> Task<void> {
        using Job = std::pair<int, std::string>;
        const auto by_priority = [](const Job& a, const Job& b) { return a.first < b.first; };
        PriorityQueue<Job, decltype(by_priority)> queue(4, by_priority);
        std::string order;
        auto producer = [&]() -> Task<void> {
            co_await queue.put(Job(2, "b1"));
            co_await queue.put(Job(1, "a1"));
            co_await queue.put(Job(2, "b2"));
            co_await queue.put(Job(1, "a2"));
            co_await queue.put(Job(0, "first"));  // waits for room
            queue.close();
        };
        auto handle = spawn(producer());
        co_await sleep(1ms);
        for (;;) {
            auto job = co_await queue.next();
            if (!job) break;
            order += job->second + ";";
        }
        EXPECT_EQ(order, "a1;first;a2;b1;b2;");
    };
    run_manual(main());
}

TEST(Ring, keeps_order_while_it_turns_and_grows) {
    Ring<std::unique_ptr<int>> ring;
    int in = 0;
    int out = 0;
    std::mt19937 random(3);
    for (int step = 0; step < 5000; ++step) {
        if (random() % 5 < 3 || ring.empty()) {
            ring.push_back(std::make_unique<int>(in++));
        } else {
            EXPECT_EQ(*ring.front(), out++);
            auto item = std::move(ring.front());
            ring.pop_front();
            if (random() % 4 == 0) {
                ring.push_front(std::move(item));
                --out;
            }
        }
        if (step == 4000) {
            out = in;
            ring.clear();
        }
    }
    EXPECT_EQ(ring.size(), static_cast<std::size_t>(in - out));
}

TEST(Channel, the_last_sender_that_dies_ends_it) {
    auto main = []() -> Task<void> {
        Channel<int> channel(2);
        auto send = [](Sender<int> sender, int from) -> Task<void> {
            for (int i = from; i < from + 3; ++i) co_await sender.send(i);
        };
        auto a = spawn(send(channel.sender, 0));
        auto b = spawn(send(std::move(channel.sender), 10));
        int sum = 0;
        for (;;) {
            auto item = co_await channel.receiver.next();
            if (!item) break;
            sum += *item;
        }
        EXPECT_EQ(sum, 0 + 1 + 2 + 10 + 11 + 12);
        co_await a;
        co_await b;
    };
    run_manual(main());
}

TEST(Channel, a_sender_without_receiver_is_refused) {
    auto main = []() -> Task<void> {
        Channel<int> channel(1);
        auto send = [](Sender<int> sender) -> Task<int> {
            for (int i = 0;; ++i) {
                try {
                    co_await sender.send(i);
                } catch (const ClosedError&) {
                    co_return i;
                }
            }
        };
        auto handle = spawn(send(channel.sender));
        {
            auto receiver = std::move(channel.receiver);
            auto item = co_await receiver.next();
            EXPECT_EQ(item, 0);
        }
        const int refused = co_await handle;
        EXPECT_GE(refused, 1);
        EXPECT_TRUE(channel.sender.closed());
    };
    run_manual(main());
}

TEST(Channel, without_capacity_is_a_rendezvous) {
    auto main = []() -> Task<void> {
        Channel<int> channel(0);
        int sent = 0;
        auto send = [](Sender<int> sender, int* count) -> Task<void> {
            for (int i = 0; i < 3; ++i) {
                co_await sender.send(i);
                ++*count;
            }
        };
        auto handle = spawn(send(std::move(channel.sender), &sent));
        co_await sleep(1ms);
        EXPECT_EQ(sent, 0);
        auto first = co_await channel.receiver.next();
        EXPECT_EQ(first, 0);
        co_await sleep(1ms);
        EXPECT_EQ(sent, 1);
        EXPECT_EQ(channel.receiver.try_receive(), 1);
        auto last = co_await channel.receiver.next();
        EXPECT_EQ(last, 2);
        auto end = co_await channel.receiver.next();
        EXPECT_FALSE(end);
        bool closed = false;
        try {
            co_await channel.receiver.receive();
        } catch (const ClosedError&) {
            closed = true;
        }
        EXPECT_TRUE(closed);
        co_await handle;
    };
    run_manual(main());
}

// Whatever is cancelled when, no lock stays held, no place taken, no item lost.
TEST(Sync, random_cancellations_lose_nothing) {
    auto main = []() -> Task<void> {
        std::mt19937 random(11);
        Lock lock;
        Condition changed;
        int stock = 0;
        long put = 0;
        long got = 0;
        for (int round = 0; round < 2000; ++round) {
            auto producer = [&]() -> Task<void> {
                auto guard = co_await lock.acquire();
                co_await yield();
                ++stock;
                ++put;
                changed.notify();
            };
            auto consumer = [&]() -> Task<void> {
                auto guard = co_await lock.acquire();
                co_await changed.wait_until(guard, [&] { return stock > 0; });
                --stock;
                ++got;
            };
            std::vector<TaskHandle<void>> handles;
            for (int i = 0; i < 6; ++i)
                handles.push_back(random() % 2 ? spawn(producer()) : spawn(consumer()));
            for (int i = 0; i < 4; ++i) {
                if (random() % 3 == 0) handles[random() % handles.size()].cancel();
                if (random() % 2) co_await yield();
            }
            co_await sleep(1ms);
            for (auto& handle : handles) handle.cancel();
            co_await wait(handles);
            EXPECT_FALSE(lock.locked());
            for (auto& handle : handles) EXPECT_TRUE(!handle.exception() || handle.cancelled());
        }
        EXPECT_EQ(put, got + stock);
        EXPECT_GT(got, 1000);
    };
    run_manual(main());
}

}  // namespace
}  // namespace weft
