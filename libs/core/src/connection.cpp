#include "wake_timer.hpp"

#include <weft/core/connect.hpp>
#include <weft/core/connection.hpp>
#include <weft/core/gather.hpp>
#include <weft/core/resolve.hpp>
#include <weft/core/task_group.hpp>
#include <weft/core/tls_stream.hpp>

#include <algorithm>

namespace weft {

namespace {

// RFC 8305 4: the order of the resolver, the families taking turns.
std::vector<SocketAddress> alternate_families(std::vector<SocketAddress> addresses) {
    const auto first = addresses.front().family();
    const auto others = std::stable_partition(addresses.begin(), addresses.end(),
                                              [&](const SocketAddress& a) { return a.family() == first; });
    std::vector<SocketAddress> order;
    order.reserve(addresses.size());
    auto a = addresses.begin();
    auto b = others;
    while (a != others || b != addresses.end()) {
        if (a != others) order.push_back(*a++);
        if (b != addresses.end()) order.push_back(*b++);
    }
    return order;
}

struct Race {
    std::unique_ptr<Stream> winner;
    std::vector<std::string> failures;
    std::error_code code;  // of the first failure
    Readiness progress;
};

Task<void> attempt(Race& race, SocketAddress address) {
    try {
        auto stream = co_await connect(address);
        if (!race.winner) race.winner = std::move(stream);
    } catch (const SystemError& e) {
        if (race.failures.empty()) race.code = e.code();
        race.failures.emplace_back(e.what());
    }
    race.progress.signal();
}

Task<void> run_race(Race& race, const std::vector<SocketAddress>& order, Duration delay, TaskGroup& group) {
    detail::WakeTimer next_start(race.progress);
    std::size_t started = 0;
    while (!race.winner && race.failures.size() < order.size()) {
        // Another one starts when the delay has passed, or when everyone who started has failed.
        const bool all_failed = race.failures.size() == started;
        if (started < order.size() && (all_failed || !next_start.armed())) {
            group.spawn(attempt(race, order[started]), "connect " + order[started].to_string());
            ++started;
            Loop::current().arm_after(next_start, delay);
        }
        co_await race.progress.wait();
    }
    group.cancel_tasks();
}

}  // namespace

Connection::Connection(std::unique_ptr<Stream> stream, ConnectionLimits limits)
    : Connection([&] {
          std::shared_ptr<Stream> shared(std::move(stream));
          StreamReader r(shared, limits.read_limit);
          return Connection(std::move(r), StreamWriter(std::move(shared), limits.write));
      }()) {}

Task<std::unique_ptr<Stream>> connect_any(std::vector<SocketAddress> addresses, Duration delay) {
    if (addresses.empty()) throw UsageError("connect to an empty list of addresses");
    if (addresses.size() == 1) {
        auto only = co_await connect(addresses.front());
        co_return only;
    }
    const auto order = alternate_families(std::move(addresses));
    Race race;
    const auto body = [&](TaskGroup& group) { return run_race(race, order, delay, group); };
    co_await with_task_group(body);
    if (race.winner) co_return std::move(race.winner);
    std::string text = "connect to any of " + std::to_string(order.size()) + " addresses (";
    for (const std::string& failure : race.failures) text += failure + "; ";
    text.replace(text.size() - 2, 2, ")");
    throw SystemError(race.code, text);
}

Task<std::unique_ptr<Stream>> connect_host(std::string host, std::uint16_t port) {
    auto addresses = co_await resolve(std::move(host), port);
    auto stream = co_await connect_any(std::move(addresses));
    co_return stream;
}

Task<Connection> open_connection(std::string host, std::uint16_t port, ConnectionLimits limits) {
    auto stream = co_await connect_host(std::move(host), port);
    co_return Connection(std::move(stream), limits);
}

Task<Connection> open_connection(SocketAddress to, ConnectionLimits limits) {
    auto stream = co_await connect(to);
    co_return Connection(std::move(stream), limits);
}

Task<Connection> open_connection(std::string host, std::uint16_t port, TlsContext tls,
                                 ConnectionLimits limits) {
    auto stream = co_await connect_host(host, port);
    auto secured = co_await tls_connect(std::move(stream), std::move(tls), std::move(host));
    co_return Connection(std::move(secured), limits);
}

}  // namespace weft
