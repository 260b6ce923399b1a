// Synchronisation allocates nothing for an operation. Counts what this thread gets from operator new, which
// this file replaces; the sanitizers have one of their own.
#include <weft/core.hpp>

#include <gtest/gtest.h>

#include <cstdlib>
#include <new>
#include <string>

#if !WEFT_SANITIZED

namespace {
thread_local long allocations = 0;
}

void* operator new(std::size_t size) {
    ++allocations;
    if (void* memory = std::malloc(size)) return memory;
    throw std::bad_alloc();
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace weft {
namespace {

using namespace std::chrono_literals;

constexpr int warm_up = 100;
constexpr int measured = 1000;

// Runs `a` and `b` beside each other, each of which does one operation a call; counts what the rounds after
// the first ones allocate. `b` may be called more often.
template <class A, class B>
long allocations_of(A a, B b) {
    long count = -1;
    const auto first = [&]() -> Task<void> {
        for (int i = 0; i < warm_up; ++i) co_await a();
        const long before = allocations;
        for (int i = 0; i < measured; ++i) co_await a();
        count = allocations - before;
    };
    const auto second = [&]() -> Task<void> {
        for (;;) co_await b();
    };
    Loop loop(TimeSource::manual);
    const auto main = [&]() -> Task<void> {
        auto other = spawn(second());
        co_await first();
        co_await cancel_and_join(other);
    };
    loop.run(main());
    return count;
}

TEST(Allocations, none_for_an_operation_that_waits) {
    {
        Event there;
        Event back;
        const auto ping = [&]() -> Task<void> {
            there.set();
            co_await back.wait();
            back.clear();
        };
        const auto pong = [&]() -> Task<void> {
            co_await there.wait();
            there.clear();
            back.set();
        };
        EXPECT_EQ(allocations_of(ping, pong), 0) << "Event";
    }
    {
        Lock lock;
        const auto hold = [&]() -> Task<void> {
            auto guard = co_await lock.acquire();
            co_await yield();
        };
        EXPECT_EQ(allocations_of(hold, hold), 0) << "Lock";
    }
    {
        BoundedSemaphore semaphore(1);
        const auto hold = [&]() -> Task<void> {
            auto permit = co_await semaphore.acquire();
            co_await yield();
        };
        EXPECT_EQ(allocations_of(hold, hold), 0) << "Semaphore";
    }
    {
        Lock lock;
        Condition condition;
        int stock = 0;
        const auto take = [&]() -> Task<void> {
            auto guard = co_await lock.acquire();
            co_await condition.wait_until(guard, [&] { return stock > 0; });
            --stock;
        };
        const auto make = [&]() -> Task<void> {
            auto guard = co_await lock.acquire();
            ++stock;
            condition.notify();
            co_await yield();
        };
        EXPECT_EQ(allocations_of(take, make), 0) << "Condition";
    }
    {
        Barrier barrier(2);
        const auto meet = [&]() -> Task<void> { co_await barrier.wait(); };
        EXPECT_EQ(allocations_of(meet, meet), 0) << "Barrier";
    }
    {
        PriorityQueue<int> queue(1);
        const auto get = [&]() -> Task<void> { co_await queue.get(); };
        const auto put = [&]() -> Task<void> { co_await queue.put(1); };
        EXPECT_EQ(allocations_of(get, put), 0) << "PriorityQueue, full and empty in turn";
    }
    {
        Queue<int> queue(8);
        const auto get = [&]() -> Task<void> { co_await queue.get(); };
        const auto put = [&]() -> Task<void> { co_await queue.put(1); };
        EXPECT_EQ(allocations_of(get, put), 0) << "Queue";
    }
    {
        auto channel = Channel<int>(4);
        const auto get = [&]() -> Task<void> { co_await channel.receiver.next(); };
        const auto put = [&]() -> Task<void> { co_await channel.sender.send(1); };
        EXPECT_EQ(allocations_of(get, put), 0) << "Channel";
    }
    {
        const auto nap = []() -> Task<void> { co_await sleep(1ms); };
        EXPECT_EQ(allocations_of(nap, nap), 0) << "sleep";
    }
    {
        const auto idle = []() -> Task<void> { co_await sleep(1h); };
        const auto limited = []() -> Task<void> {
            const auto brief = []() -> Task<void> { co_await yield(); };
            co_await timeout(1s, brief());
        };
        EXPECT_EQ(allocations_of(limited, idle), 0) << "timeout";
    }
}

}  // namespace
}  // namespace weft

#endif
