// Random trees of tasks with random cancellations, for a bounded time.
//
// WEFT_STRESS_SEED=n repeats what a failure printed; WEFT_STRESS_SECONDS=n goes on for longer than the
// default.
#include <weft/core.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

namespace weft::testing {
namespace {

using namespace std::chrono_literals;

std::optional<unsigned> number_from(const char* variable) {
    const char* text = std::getenv(variable);
    if (!text) return std::nullopt;
    return static_cast<unsigned>(std::strtoul(text, nullptr, 10));
}

// A tree whose tasks spawn, gather, race, wait for each other, hand over items, limit each other's time and
// are cancelled. Each body that was entered is left exactly once, each task that was spawned ends exactly
// once, and neither permits, locks nor items are lost.
class Forest {
public:
    explicit Forest(unsigned seed) : random_(seed) {}

    Task<void> grow(int depth) {
        ++entered;
        struct Leave {
            Forest& forest;
            ~Leave() { ++forest.left; }
        } leave{*this};
        const unsigned kind = depth == 0 ? 0 : pick(12);
        switch (kind) {
            case 0:
                co_await sleep(std::chrono::milliseconds(pick(4)));
                if (pick(16) == 0) throw Error("leaf");
                break;
            case 1:
                co_await gather(grow(depth - 1), grow(depth - 1), grow(depth - 1));
                break;
            case 2:
                co_await race(grow(depth - 1), grow(depth - 1));
                break;
            case 3:
                co_await timeout(std::chrono::milliseconds(1 + pick(6)), grow(depth - 1));
                break;
            case 4:
                co_await in_group(depth);
                break;
            case 5:
                co_await spawned(depth);
                break;
            case 6:
                co_await completed(depth);
                break;
            case 7:
                co_await shield(grow(depth - 1));
                break;
            case 8:
                co_await handed_over(depth);
                break;
            case 9:
                co_await locked(depth);
                break;
            case 10:
                co_await generated(depth);
                break;
            default:
                co_await limited();
        }
    }

    // Starts one more tree, counted.
    TaskHandle<void> plant(int depth) {
        auto handle = spawn(grow(depth));
        count(handle);
        return handle;
    }

    unsigned pick(unsigned n) { return static_cast<unsigned>(random_() % n); }
    [[nodiscard]] std::size_t free_permits() const noexcept { return permits_.available(); }
    [[nodiscard]] bool locked_now() const noexcept { return lock_.locked(); }

    long entered = 0;
    long left = 0;
    long started = 0;
    long ended = 0;
    long items = 0;

private:
    // Something that must be neither lost nor doubled on its way.
    class Item {
    public:
        explicit Item(Forest& forest) : forest_(&forest) { ++forest_->items; }
        Item(Item&& other) noexcept : forest_(std::exchange(other.forest_, nullptr)) {}
        Item& operator=(Item&& other) noexcept {
            std::swap(forest_, other.forest_);
            return *this;
        }
        ~Item() {
            if (forest_) --forest_->items;
        }

    private:
        Forest* forest_;
    };

    void count(TaskHandle<void>& handle) {
        ++started;
        handle.add_done_callback([this](TaskHandle<void>& done) {
            ++ended;
            EXPECT_TRUE(done.done());
        });
    }

    Task<void> in_group(int depth) {
        const auto body = [&](TaskGroup& group) -> Task<void> {
            auto first = group.spawn(grow(depth - 1));
            count(first);
            auto second = group.spawn(grow(depth - 1));
            count(second);
            co_await yield();
            if (pick(3) == 0) first.cancel();
        };
        co_await with_task_group(body);
    }

    Task<void> spawned(int depth) {
        auto handle = plant(depth - 1);
        co_await sleep(std::chrono::milliseconds(pick(3)));
        if (pick(2) == 0) handle.cancel();
        std::vector<TaskHandle<void>> handles;
        handles.push_back(std::move(handle));
        co_await wait(handles, WaitUntil::all_done, 5ms);
        co_await cancel_and_join(handles.front());
    }

    Task<void> completed(int depth) {
        std::vector<Task<void>> tasks;
        for (int i = 0; i < 3; ++i) tasks.push_back(grow(depth - 1));
        const auto limit = 1 + pick(3);
        const auto take_some = [&](AsCompleted<void>& all) -> Task<void> {
            const unsigned wanted = pick(4);
            for (unsigned i = 0; i < wanted; ++i) {
                auto one = co_await all.next();
                if (!one) break;
            }
        };
        AsCompleted<void> all(std::move(tasks), limit);
        std::exception_ptr failure;
        try {
            co_await take_some(all);
        } catch (...) {
            failure = std::current_exception();
        }
        co_await uncancellable(all.close());
        if (failure) std::rethrow_exception(failure);
    }

    Task<void> handed_over(int depth) {
        Channel<Item> channel(pick(2));
        const auto send = [](Forest* forest, Sender<Item> sender, int levels) -> Task<void> {
            for (int i = 0; i < 3; ++i) {
                Item item(*forest);
                co_await sender.send(std::move(item));
                if (forest->pick(4) == 0) co_await forest->grow(levels - 1);
            }
        };
        const auto receive = [](Forest* forest, Receiver<Item> receiver) -> Task<void> {
            for (;;) {
                auto item = co_await receiver.next();
                if (!item) break;
                co_await sleep(std::chrono::milliseconds(forest->pick(2)));
                if (forest->pick(8) == 0) break;
            }
        };
        co_await gather(send(this, std::move(channel.sender), depth),
                        receive(this, std::move(channel.receiver)));
    }

    Task<void> locked(int depth) {
        {
            auto guard = co_await lock_.acquire();
            co_await sleep(std::chrono::milliseconds(pick(2)));
        }
        co_await grow(depth - 1);
    }

    AsyncGenerator<Item> produce(int depth) {
        for (int i = 0; i < 3; ++i) {
            if (pick(3) == 0) co_await grow(depth - 1);
            co_yield Item(*this);
        }
    }
    Task<void> generated(int depth) {
        const auto use = [&](AsyncGenerator<Item>& items_of) -> Task<void> {
            for (;;) {
                auto item = co_await items_of.next();
                if (!item || pick(4) == 0) break;
            }
        };
        co_await with(produce(depth), use);
    }

    Task<void> limited() {
        auto permit = co_await permits_.acquire();
        co_await uncancellable(grow(0));
    }

    std::mt19937 random_;
    Semaphore permits_{3};
    Lock lock_;
};

// One loop with a few trees in it; the last one is left to the end of the loop.
long grow_forest(unsigned seed) {
    SCOPED_TRACE("WEFT_STRESS_SEED=" + std::to_string(seed));
    Forest forest(seed);
    {
        Loop loop(TimeSource::manual);
        loop.on_lost_error([](const std::string&, std::exception_ptr, void*) {}, nullptr);
        const auto main = [&]() -> Task<void> {
            for (int i = 0; i < 20; ++i) {
                auto tree = forest.plant(5);
                co_await sleep(std::chrono::milliseconds(forest.pick(8)));
                if (forest.pick(2) == 0) tree.cancel();
                std::vector<TaskHandle<void>> trees;
                trees.push_back(std::move(tree));
                co_await wait(trees);
            }
            co_await sleep(1s);  // what dropped handles cancelled ends
            EXPECT_EQ(Loop::current().task_count(), 1u);
            EXPECT_EQ(forest.free_permits(), 3u);
            EXPECT_FALSE(forest.locked_now());
            EXPECT_EQ(forest.started, forest.ended);
            EXPECT_EQ(forest.entered, forest.left);
            EXPECT_EQ(forest.items, 0);
            auto stopped = forest.plant(5);  // the end of the loop cancels and joins it
            co_await yield();
            co_await yield();
        };
        loop.run(main());
        EXPECT_EQ(loop.task_count(), 0u);
    }
    EXPECT_EQ(forest.started, forest.ended);
    EXPECT_EQ(forest.entered, forest.left);
    EXPECT_EQ(forest.items, 0);
    return forest.entered;
}

TEST(Stress, random_trees_of_tasks_with_cancellations_leave_nothing) {
    const auto given = number_from("WEFT_STRESS_SEED");
    const auto seconds = std::chrono::seconds(number_from("WEFT_STRESS_SECONDS").value_or(2));
    unsigned seed = given.value_or(std::random_device()());
    std::cout << "first seed: WEFT_STRESS_SEED=" << seed << std::endl;
    const auto end = std::chrono::steady_clock::now() + seconds;
    long bodies = 0;
    unsigned forests = 0;
    do {
        bodies += grow_forest(seed++);
        ++forests;
    } while (!::testing::Test::HasFailure() &&
             (std::chrono::steady_clock::now() < end || (forests < 20 && !given)));
    std::cout << forests << " forests, " << bodies << " bodies" << std::endl;
    EXPECT_GT(bodies, given ? 0 : 1000);
}

// The same, but the loop is destroyed where its tasks are suspended.
TEST(Stress, loops_that_are_destroyed_with_trees_of_tasks_leave_nothing) {
    const auto given = number_from("WEFT_STRESS_SEED");
    unsigned seed = given.value_or(std::random_device()());
    std::cout << "first seed: WEFT_STRESS_SEED=" << seed << std::endl;
    for (int i = 0; i < 100 && !::testing::Test::HasFailure(); ++i, ++seed) {
        SCOPED_TRACE("WEFT_STRESS_SEED=" + std::to_string(seed));
        Forest forest(seed);
        {
            Loop loop(TimeSource::manual);
            loop.on_lost_error([](const std::string&, std::exception_ptr, void*) {}, nullptr);
            const auto main = [&]() -> Task<void> {
                // Owned by the loop; run_until_complete() leaves them.
                for (int tree = 0; tree < 5; ++tree)
                    static_cast<void>(detail::start_task(loop, loop.root(), forest.grow(5), "tree"));
                co_await sleep(std::chrono::milliseconds(forest.pick(10)));
            };
            loop.run_until_complete(main());
        }
        EXPECT_EQ(forest.entered, forest.left);
        EXPECT_EQ(forest.items, 0);
    }
}

}  // namespace
}  // namespace weft::testing
