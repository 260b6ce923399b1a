// The runtime's own costs. See measure.hpp and docs/benchmarks/core.md for what the rows mean.
#include "measure.hpp"
#include "weft_servers.hpp"

#include <weft/core.hpp>

#include <random>
#include <string>
#include <vector>

namespace weft {
namespace {

using namespace std::chrono_literals;

Task<int> leaf(int x) { co_return x; }

Task<int> chain(int depth) {
    if (depth == 0) co_return 0;
    const int below = co_await chain(depth - 1);
    co_return below + 1;
}

double await_leaf() {
    constexpr int n = 2'000'000;
    return bench::median_ns(n, 5, [] {
        Loop loop;
        const auto main = []() -> Task<int> {
            int sum = 0;
            for (int i = 0; i < n; ++i) sum += co_await leaf(i);
            co_return sum;
        };
        loop.run(main());
    });
}

double await_chain() {
    constexpr int depth = 50;
    constexpr int n = 20'000;
    return bench::median_ns(depth * n, 5, [] {
        Loop loop;
        const auto main = []() -> Task<int> {
            int sum = 0;
            for (int i = 0; i < n; ++i) sum += co_await chain(depth);
            co_return sum;
        };
        loop.run(main());
    });
}

double yields() {
    constexpr int n = 1'000'000;
    return bench::median_ns(n, 5, [] {
        Loop loop;
        const auto main = []() -> Task<void> {
            for (int i = 0; i < n; ++i) co_await yield();
        };
        loop.run(main());
    });
}

Task<int> child(int i) {
    co_await yield();
    co_return i;
}

double spawn_join(int tasks, int times) {
    return bench::median_ns(static_cast<double>(tasks) * times, 5, [=] {
        Loop loop;
        const auto main = [=]() -> Task<void> {
            for (int t = 0; t < times; ++t) {
                std::vector<Task<int>> list;
                list.reserve(static_cast<std::size_t>(tasks));
                for (int i = 0; i < tasks; ++i) list.push_back(child(i));
                auto values = co_await gather(std::move(list));
            }
        };
        loop.run(main());
    });
}

// What a task adds to the process between its start and its first wait.
double spawn_bytes(int tasks) {
    double bytes = 0;
    Loop loop;
    const auto main = [&]() -> Task<void> {
        const double before = bench::resident_bytes();
        std::vector<TaskHandle<int>> handles;
        handles.reserve(static_cast<std::size_t>(tasks));
        for (int i = 0; i < tasks; ++i) handles.push_back(spawn(child(i)));
        bytes = (bench::resident_bytes() - before) / tasks;
        for (auto& handle : handles) co_await handle;
    };
    loop.run(main());
    return bytes;
}

// A task of two frames with a name, which waits for an event.
Task<void> wait_inner(Event& event) { co_await event.wait(); }
Task<void> wait_outer(Event& event) { co_await wait_inner(event); }

double idle_bytes(int tasks) {
    double bytes = 0;
    Loop loop;
    const auto main = [&]() -> Task<void> {
        Event event;
        std::vector<TaskHandle<void>> handles;
        handles.reserve(static_cast<std::size_t>(tasks));
        // The handles' pages are not the tasks'.
        for (int i = 0; i < tasks; ++i) handles.emplace_back();
        handles.clear();
        const double before = bench::resident_bytes();
        for (int i = 0; i < tasks; ++i) handles.push_back(spawn(wait_outer(event), "device"));
        co_await yield();
        bytes = (bench::resident_bytes() - before) / tasks;
        event.set();
        for (auto& handle : handles) co_await handle;
    };
    loop.run(main());
    return bytes;
}

double sleepers() {
    constexpr int n = 100'000;
    return bench::median_ns(n, 3, [] {
        Loop loop;
        const auto main = []() -> Task<void> {
            std::mt19937 random(1);
            std::vector<Task<void>> list;
            list.reserve(n);
            for (int i = 0; i < n; ++i)
                list.push_back(sleep(std::chrono::microseconds(random() % 1'000'000)));
            co_await gather(std::move(list));
        };
        loop.run(main());
    });
}

double sleeper_bytes() {
    constexpr int n = 100'000;
    double bytes = 0;
    Loop loop;
    const auto main = [&]() -> Task<void> {
        const double before = bench::resident_bytes();
        std::vector<TaskHandle<void>> handles;
        handles.reserve(n);
        for (int i = 0; i < n; ++i) handles.push_back(spawn<void>(sleep(1000s)));
        co_await yield();
        bytes = (bench::resident_bytes() - before) / n;
    };
    loop.run(main());
    return bytes;
}

double semaphore() {
    constexpr int tasks = 1000;
    constexpr int times = 100;
    return bench::median_ns(tasks * times, 5, [] {
        Loop loop;
        const auto main = []() -> Task<void> {
            Semaphore permits(10);
            const auto work = [&]() -> Task<void> {
                for (int i = 0; i < times; ++i) {
                    auto permit = co_await permits.acquire();
                    co_await yield();
                }
            };
            std::vector<Task<void>> list;
            for (int i = 0; i < tasks; ++i) list.push_back(work());
            co_await gather(std::move(list));
        };
        loop.run(main());
    });
}

double channel(std::size_t capacity) {
    constexpr int n = 1'000'000;
    return bench::median_ns(n, 5, [capacity] {
        Loop loop;
        const auto main = [=]() -> Task<void> {
            Channel<int> ends(capacity);
            const auto send = [](Sender<int> sender) -> Task<void> {
                for (int i = 0; i < n; ++i) co_await sender.send(i);
            };
            const auto receive = [](Receiver<int> receiver) -> Task<long> {
                long sum = 0;
                for (int i = 0; i < n; ++i) sum += co_await receiver.receive();
                co_return sum;
            };
            co_await gather(send(std::move(ends.sender)), receive(std::move(ends.receiver)));
        };
        loop.run(main());
    });
}

struct NoOp final : Timer {
    void fire() noexcept override {}
};

double timer_arm_cancel(bool fixed_end) {
    constexpr int n = 1'000'000;
    Loop loop;
    std::mt19937 random(2);
    std::vector<NoOp> outstanding(100'000);
    for (NoOp& timer : outstanding)
        loop.arm_after(timer, std::chrono::milliseconds(1 + random() % 3'600'000));
    std::vector<Duration> delays(1024);
    for (Duration& delay : delays) delay = std::chrono::milliseconds(20 + random() % 60'000);
    const double result = bench::median_ns(n, 5, [&] {
        const auto main = [&]() -> Task<void> {
            NoOp timer;
            const TimePoint now = loop.now();
            for (int i = 0; i < n; ++i) {
                const Duration delay = delays[static_cast<std::size_t>(i) % delays.size()];
                if (fixed_end) {
                    loop.arm(timer, now + delay);
                } else {
                    loop.arm_after(timer, delay);
                }
                timer.disarm();
            }
            co_return;
        };
        loop.run(main());
    });
    for (NoOp& timer : outstanding) timer.disarm();
    return result;
}

double timeout_that_does_not_fire() {
    constexpr int n = 1'000'000;
    return bench::median_ns(n, 5, [] {
        Loop loop;
        const auto main = []() -> Task<long> {
            long sum = 0;
            for (int i = 0; i < n; ++i) sum += co_await timeout(10s, leaf(i));
            co_return sum;
        };
        loop.run(main());
    });
}

Task<void> run_true(int times) {
    for (int i = 0; i < times; ++i) {
        std::vector<std::string> command = {"/bin/true"};
        Process process(command, ProcessOptions().stdio(Stdio::null, Stdio::null, Stdio::null));
        const ExitStatus status = co_await process.wait();
        if (!status.ok()) throw UsageError("/bin/true failed");
    }
}

double subprocess(double (*clock)()) {
    constexpr int n = 300;
    Loop loop;
    const double start = clock();
    loop.run(run_true(n));
    return (clock() - start) / n / 1000;
}

}  // namespace
}  // namespace weft

int main(int argc, char** argv) {
    using namespace weft;
    if (argc > 1 && std::strstr(argv[1], "echo"))
        return bench::serve_echo(argc > 3 ? argv[2] : nullptr, argc > 3 ? argv[3] : nullptr);
    return bench::run_row(argc, argv,
                          {{"await_leaf", await_leaf},
                           {"await_chain", await_chain},
                           {"yield", yields},
                           {"spawn_join_1000", [] { return spawn_join(1000, 100); }},
                           {"spawn_join_1000000", [] { return spawn_join(1'000'000, 1); }},
                           {"spawn_bytes_1000000", [] { return spawn_bytes(1'000'000); }},
                           {"idle_bytes_100000", [] { return idle_bytes(100'000); }},
                           {"idle_bytes_1000000", [] { return idle_bytes(1'000'000); }},
                           {"sleepers_100000", sleepers},
                           {"sleeper_bytes_100000", sleeper_bytes},
                           {"semaphore", semaphore},
                           {"channel_64", [] { return channel(64); }},
                           {"channel_1", [] { return channel(1); }},
                           {"timer_arm_cancel", [] { return timer_arm_cancel(true); }},
                           {"timer_arm_after_cancel", [] { return timer_arm_cancel(false); }},
                           {"timeout", timeout_that_does_not_fire},
                           {"subprocess", [] { return subprocess(bench::cpu_ns); }},
                           {"subprocess_wall", [] { return subprocess(bench::wall_ns); }}});
}
