// The mesh under mixed load while its nodes are killed: no call may end without an answer or an error, no
// answer may be another's, and the router may not grow.
//
// usage: bench_mesh_soak [seconds, 600 unless given [random seed]]
// Exit status 1 when something of that happened. scripts/soak_mesh.sh builds and runs it.
#include "child.hpp"

#include <weft/core.hpp>
#include <weft/mesh.hpp>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <new>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include <malloc.h>
#include <sys/mman.h>
#include <unistd.h>

namespace {

using namespace std::chrono_literals;
using namespace weft;
using namespace weft::mesh;
using bench::Child;

constexpr std::size_t worker_count = 6;
constexpr std::size_t caller_count = 8;
constexpr Duration call_limit = 5s;

Callbacks methods() {
    Callbacks callbacks;
    callbacks.add("echo", [](Value v) { return v; });
    callbacks.add("slow", [](Value v) -> Task<Value> {
        co_await sleep(2ms);
        co_return v;
    });
    callbacks.add("sum", [](const CallInfo& info) -> Task<std::int64_t> {
        Duplex talk = info.duplex();
        std::int64_t sum = 0;
        for (;;) {
            const auto n = co_await talk.next<std::int64_t>();
            if (!n) break;
            sum += *n;
            co_await talk.send(sum);
        }
        co_return sum;
    });
    return callbacks;
}

void serve(std::uint16_t port, std::size_t number) {
    auto body = [](std::uint16_t to, std::size_t n) -> Task<void> {
        for (;;) {
            Client worker(Options("worker-" + std::to_string(n)).port(to).workers(16), methods());
            bool up = false;
            try {
                co_await worker.connect();
                up = true;
                co_await worker.join();
            } catch (const weft::Error&) {
            }
            if (!up) co_await sleep(50ms);
        }
    };
    (void)weft::run(body(port, number));
}

// A worker that dies every now and then and is started again, by a parent that has no loop.
void serve_mortal(std::uint16_t port, std::size_t number, unsigned seed) {
    std::mt19937 random(seed + static_cast<unsigned>(number));
    for (;;) {
        Child worker([&] { serve(port, number); });
        ::usleep(500'000 + random() % 4'000'000);
    }
}

struct Tally {
    std::uint64_t right = 0;
    std::uint64_t wrong = 0;  // another's answer
    std::uint64_t late = 0;   // ended long after its limit
    std::map<std::string, std::uint64_t> errors;
};

// One call of a random kind; gives true when its answer is right.
Task<bool> one_call(ClientConnection conn, std::uint64_t number) {
    const auto n = static_cast<std::int64_t>(number);
    switch (number % 16) {
        case 0: {
            const Bytes large(200'000 + number % 2'000'000, static_cast<std::byte>(number));
            const Bytes back = co_await conn.rpc(call_limit).serde(Serde::opaque).call<Bytes>("echo", large);
            co_return back == large;
        }
        case 1: {
            auto cast = conn.cast(call_limit);
            const auto all = co_await std::move(cast).call<std::int64_t>("slow", n);
            for (const auto& [name, result] : all)
                if (result.ok() && result.value() != n) co_return false;
            co_return true;
        }
        case 2: {
            auto talk = conn.open().timeout(call_limit).call("sum");
            std::int64_t last = 0;
            for (std::int64_t i = 1; i <= 20; ++i) {
                co_await talk.send(i);
                const auto sum = co_await talk.next<std::int64_t>();
                if (!sum) break;
                last = *sum;
            }
            talk.finish();
            const auto result = co_await talk.result<std::int64_t>();
            co_return last == 210 && result == 210;
        }
        case 3: {
            conn.rpc_nowait().call("echo", n);
            co_return true;
        }
        case 4: {
            auto rpc = conn.rpc(call_limit).idempotent(3);
            const auto back = co_await std::move(rpc).call<std::int64_t>("slow", n);
            co_return back == n;
        }
        default: {
            static constexpr Serde serdes[] = {Serde::pickle, Serde::json, Serde::msgpack};
            const Serde serde = serdes[number % 3];
            const Balance balance = number % 2 == 0 ? Balance::least_loaded : Balance::round_robin;
            const char* const function = number % 5 == 0 ? "slow" : "echo";
            const auto back =
                co_await conn.rpc(call_limit).serde(serde).balance(balance).call<std::int64_t>(function, n);
            co_return back == n;
        }
    }
}

template <class E>
std::string name_of(const E& error) {
    if (dynamic_cast<const Disconnected*>(&error)) return "Disconnected";
    if (dynamic_cast<const CallTimeout*>(&error)) return "CallTimeout";
    if (dynamic_cast<const ReceiverNotFound*>(&error)) return "ReceiverNotFound";
    if (dynamic_cast<const BusyError*>(&error)) return "BusyError";
    if (dynamic_cast<const RemoteError*>(&error))
        return "RemoteError: " + std::string(error.what()).substr(0, 60);
    return std::string("other: ") + error.what();
}

// Calls without end; every few hundred calls its client goes without a word, and another comes.
Task<void> call_and_call(std::uint16_t port, std::size_t number, unsigned seed, TimePoint end, Tally& tally) {
    std::mt19937 random(seed + 1000 + static_cast<unsigned>(number));
    std::uint64_t count = number * 1'000'003;
    while (Clock::now() < end) {
        Client client(Options("caller-" + std::to_string(number)).port(port));
        std::optional<ClientConnection> conn;
        try {
            conn.emplace(co_await client.connect());
        } catch (const weft::Error&) {
        }
        if (!conn) {
            co_await sleep(50ms);
            continue;
        }
        for (unsigned left = 200 + random() % 800; left != 0 && Clock::now() < end; --left) {
            ++count;
            const TimePoint begin = Clock::now();
            std::string failure;
            bool right = false;
            try {
                right = co_await one_call(*conn, count);
            } catch (const weft::Error& error) {
                failure = name_of(error);
            }
            if (!failure.empty()) {
                ++tally.errors[failure];
                if (failure == "ReceiverNotFound" || failure == "Disconnected") co_await sleep(5ms);
            } else if (right) {
                ++tally.right;
            } else {
                ++tally.wrong;
            }
            if (Clock::now() - begin > call_limit + 3s) ++tally.late;
        }
    }
}

// What the router has of memory, in KiB. What its allocator has given out tells of leaks; what is resident
// also has what is kept for later, and gaps.
struct Memory {
    long used = 0;
    long resident = 0;
};

// Told by the router itself, in memory that is shared with it.
class UsedMemory {
public:
    UsedMemory()
        : kib_(static_cast<std::atomic<long>*>(::mmap(nullptr, sizeof(std::atomic<long>),
                                                      PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
                                                      0))) {
        if (kib_ == MAP_FAILED) throw std::bad_alloc();
    }
    UsedMemory(const UsedMemory&) = delete;
    UsedMemory& operator=(const UsedMemory&) = delete;
    ~UsedMemory() { ::munmap(kib_, sizeof(std::atomic<long>)); }
    [[nodiscard]] long kib() const noexcept { return kib_->load(std::memory_order_relaxed); }
    void tell() noexcept {
        const struct mallinfo2 info = ::mallinfo2();
        kib_->store(static_cast<long>((info.uordblks + info.hblkhd) / 1024), std::memory_order_relaxed);
    }

private:
    std::atomic<long>* kib_;
};

Task<void> route(std::uint16_t port, UsedMemory& used) {
    Router node(Options("router").port(port));
    node.start();
    for (;;) {
        used.tell();
        co_await sleep(100ms);
    }
}

Task<void> watch(const Child& router, const UsedMemory& used, Duration length, TimePoint begin,
                 const Tally& tally, std::vector<Memory>& seen) {
    for (;;) {
        co_await sleep(length / 20);
        const Memory now{used.kib(), router.resident_kib()};
        seen.push_back(now);
        std::uint64_t errors = 0;
        for (const auto& [name, n] : tally.errors) errors += n;
        std::printf(
            "%6.0f s  %9llu right  %6llu errors  %llu wrong  %llu late  router: %ld KiB used, %ld resident\n",
            std::chrono::duration<double>(Clock::now() - begin).count(),
            static_cast<unsigned long long>(tally.right), static_cast<unsigned long long>(errors),
            static_cast<unsigned long long>(tally.wrong), static_cast<unsigned long long>(tally.late),
            now.used, now.resident);
        std::fflush(stdout);
    }
}

Task<void> soak(std::uint16_t port, Duration length, unsigned seed, const Child& router,
                const UsedMemory& used, Tally& tally, std::vector<Memory>& seen) {
    const TimePoint begin = Clock::now();
    auto watcher = spawn(watch(router, used, length, begin, tally, seen), "watch");
    std::vector<Task<void>> callers;
    for (std::size_t i = 0; i < caller_count; ++i)
        callers.push_back(call_and_call(port, i, seed, begin + length, tally));
    co_await gather(std::move(callers));
}

}  // namespace

int main(int argc, char** argv) {
    const int seconds = argc > 1 ? std::atoi(argv[1]) : 600;
    const unsigned seed = argc > 2 ? static_cast<unsigned>(std::atoi(argv[2])) : std::random_device{}();
    std::printf("%d s, seed %u\n", seconds, seed);
    // The port is asked for, and freed for the router.
    std::uint16_t port = 0;
    {
        Loop loop;
        port = Listener(SocketAddress::loopback(0)).port();
    }
    UsedMemory used;
    Child router([&] { (void)weft::run(route(port, used)); });
    std::vector<std::unique_ptr<Child>> workers;
    for (std::size_t i = 0; i < worker_count; ++i)
        workers.push_back(std::make_unique<Child>([&, i] { serve_mortal(port, i, seed); }));
    Tally tally;
    std::vector<Memory> seen;
    {
        Loop loop;
        loop.run(soak(port, std::chrono::seconds(seconds), seed, router, used, tally, seen));
    }
    std::printf("%llu right, %llu wrong, %llu late\n", static_cast<unsigned long long>(tally.right),
                static_cast<unsigned long long>(tally.wrong), static_cast<unsigned long long>(tally.late));
    for (const auto& [name, n] : tally.errors)
        std::printf("  %8llu %s\n", static_cast<unsigned long long>(n), name.c_str());
    // The least of each half: what is on its way comes and goes.
    const auto middle = seen.begin() + static_cast<std::ptrdiff_t>(seen.size() / 2);
    const auto least = [](auto from, auto to) {
        return std::min_element(from, to, [](Memory a, Memory b) { return a.used < b.used; })->used;
    };
    const long before = least(seen.begin(), middle);
    const long after = least(middle, seen.end());
    std::printf("least memory used: %ld KiB in the first half, %ld in the second\n", before, after);
    const bool grown = after > before + before / 4;
    return tally.wrong == 0 && tally.late == 0 && tally.right != 0 && !grown ? 0 : 1;
}
