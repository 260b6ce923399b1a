// The same rows with Boost.Asio's awaitable, as its users write them: any_io_executor, one thread.
#include "measure.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/experimental/channel.hpp>
#include <boost/asio/experimental/parallel_group.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <optional>
#include <random>
#include <vector>

namespace asio = boost::asio;
using asio::awaitable;
using asio::use_awaitable;
using Channel = asio::experimental::channel<void(boost::system::error_code, int)>;

namespace {

void run(asio::io_context& context, awaitable<void> main) {
    asio::co_spawn(context, std::move(main), [](std::exception_ptr e) {
        if (e) std::rethrow_exception(e);
    });
    context.restart();
    context.run();
}

awaitable<int> leaf(int x) { co_return x; }

awaitable<int> chain(int depth) {
    if (depth == 0) co_return 0;
    const int below = co_await chain(depth - 1);
    co_return below + 1;
}

awaitable<void> leaves(int n) {
    long sum = 0;
    for (int i = 0; i < n; ++i) sum += co_await leaf(i);
    if (sum < 0) throw sum;
}
awaitable<void> chains(int n, int depth) {
    for (int i = 0; i < n; ++i) co_await chain(depth);
}
awaitable<void> yields(int n) {
    auto executor = co_await asio::this_coro::executor;
    for (int i = 0; i < n; ++i) co_await asio::post(executor, asio::deferred);
}
awaitable<int> child(int i) {
    auto executor = co_await asio::this_coro::executor;
    co_await asio::post(executor, asio::deferred);
    co_return i;
}

template <class MakeTask>
awaitable<void> gather(int n, MakeTask make) {
    auto executor = co_await asio::this_coro::executor;
    using Operation = decltype(asio::co_spawn(executor, make(0), asio::deferred));
    std::vector<Operation> list;
    list.reserve(static_cast<std::size_t>(n));
    for (int i = 0; i < n; ++i) list.push_back(asio::co_spawn(executor, make(i), asio::deferred));
    auto group = asio::experimental::make_parallel_group(std::move(list));
    co_await group.async_wait(asio::experimental::wait_for_all(), use_awaitable);
}

double spawn_join(int tasks, int times) {
    return bench::median_ns(static_cast<double>(tasks) * times, 3, [=] {
        asio::io_context context(1);
        for (int t = 0; t < times; ++t) run(context, gather(tasks, [](int i) { return child(i); }));
    });
}

double spawn_bytes(int tasks) {
    asio::io_context context(1);
    const double before = bench::resident_bytes();
    for (int i = 0; i < tasks; ++i) asio::co_spawn(context, child(i), asio::detached);
    const double bytes = (bench::resident_bytes() - before) / tasks;
    context.run();
    return bytes;
}

awaitable<void> wait_inner(asio::steady_timer& event) {
    co_await event.async_wait(asio::as_tuple(use_awaitable));
}
awaitable<void> wait_outer(asio::steady_timer& event) { co_await wait_inner(event); }

double idle_bytes(int tasks) {
    asio::io_context context(1);
    asio::steady_timer event(context, asio::steady_timer::time_point::max());
    const double before = bench::resident_bytes();
    for (int i = 0; i < tasks; ++i) asio::co_spawn(context, wait_outer(event), asio::detached);
    context.poll();
    const double bytes = (bench::resident_bytes() - before) / tasks;
    event.cancel();
    context.run();
    return bytes;
}

awaitable<void> nap(int microseconds) {
    asio::steady_timer timer(co_await asio::this_coro::executor, std::chrono::microseconds(microseconds));
    co_await timer.async_wait(use_awaitable);
}

double sleepers() {
    constexpr int n = 100'000;
    return bench::median_ns(n, 3, [] {
        asio::io_context context(1);
        std::mt19937 random(1);
        for (int i = 0; i < n; ++i)
            asio::co_spawn(context, nap(static_cast<int>(random() % 1'000'000)), asio::detached);
        context.run();
    });
}

double sleeper_bytes() {
    constexpr int n = 100'000;
    asio::io_context context(1);
    const double before = bench::resident_bytes();
    for (int i = 0; i < n; ++i) asio::co_spawn(context, nap(1'000'000'000), asio::detached);
    context.poll();
    return (bench::resident_bytes() - before) / n;
}

// Asio has no semaphore; its users take a channel of permits.
awaitable<void> with_permits(Channel& permits, int times) {
    auto executor = co_await asio::this_coro::executor;
    for (int i = 0; i < times; ++i) {
        co_await permits.async_send(boost::system::error_code(), 0, use_awaitable);
        co_await asio::post(executor, asio::deferred);
        permits.try_receive([](auto...) {});
    }
}

double semaphore() {
    constexpr int tasks = 1000;
    constexpr int times = 100;
    return bench::median_ns(tasks * times, 3, [] {
        asio::io_context context(1);
        Channel permits(context, 10);
        for (int i = 0; i < tasks; ++i) asio::co_spawn(context, with_permits(permits, times), asio::detached);
        context.run();
    });
}

awaitable<void> send(Channel& channel, int n) {
    for (int i = 0; i < n; ++i) co_await channel.async_send(boost::system::error_code(), i, use_awaitable);
}
awaitable<void> receive(Channel& channel, int n) {
    long sum = 0;
    for (int i = 0; i < n; ++i) sum += co_await channel.async_receive(use_awaitable);
    if (sum < 0) throw sum;
}

double channel(std::size_t capacity) {
    constexpr int n = 300'000;
    return bench::median_ns(n, 3, [capacity] {
        asio::io_context context(1);
        Channel items(context, capacity);
        asio::co_spawn(context, send(items, n), asio::detached);
        asio::co_spawn(context, receive(items, n), asio::detached);
        context.run();
    });
}

double timer_arm_cancel() {
    constexpr int n = 200'000;
    asio::io_context context(1);
    std::mt19937 random(2);
    std::vector<asio::steady_timer> outstanding;
    outstanding.reserve(100'000);
    for (int i = 0; i < 100'000; ++i) {
        outstanding.emplace_back(context, std::chrono::milliseconds(1 + random() % 3'600'000));
        outstanding.back().async_wait([](auto) {});
    }
    return bench::median_ns(n, 3, [&] {
        asio::steady_timer timer(context);
        for (int i = 0; i < n; ++i) {
            timer.expires_after(std::chrono::milliseconds(20 + random() % 60'000));
            timer.async_wait([](auto) {});
            timer.cancel();
            context.poll();
        }
    });
}

using namespace asio::experimental::awaitable_operators;

awaitable<void> timeouts(int n) {
    auto executor = co_await asio::this_coro::executor;
    for (int i = 0; i < n; ++i) {
        asio::steady_timer timer(executor, std::chrono::seconds(10));
        co_await (leaf(i) || timer.async_wait(use_awaitable));
    }
}

template <class Stream>
awaitable<void> echo(Stream& stream) {
    std::vector<char> buffer(4096);
    for (;;) {
        const std::size_t n = co_await stream.async_read_some(asio::buffer(buffer), use_awaitable);
        co_await asio::async_write(stream, asio::buffer(buffer.data(), n), use_awaitable);
    }
}

awaitable<void> serve_one(asio::ip::tcp::socket socket, asio::ssl::context* tls) {
    try {
        if (tls) {
            asio::ssl::stream<asio::ip::tcp::socket> stream(std::move(socket), *tls);
            co_await stream.async_handshake(asio::ssl::stream_base::server, use_awaitable);
            co_await echo(stream);
        } else {
            co_await echo(socket);
        }
    } catch (const boost::system::system_error&) {  // the client resets its connections
    }
}

awaitable<void> serve(asio::ssl::context* tls) {
    auto executor = co_await asio::this_coro::executor;
    asio::ip::tcp::acceptor acceptor(executor, {asio::ip::address_v4::loopback(), 0});
    std::printf("%d\n", static_cast<int>(acceptor.local_endpoint().port()));
    std::fflush(stdout);
    for (;;) {
        auto socket = co_await acceptor.async_accept(use_awaitable);
        socket.set_option(asio::ip::tcp::no_delay(true));
        asio::co_spawn(executor, serve_one(std::move(socket), tls), asio::detached);
    }
}

int serve_echo(const char* certificate, const char* key) {
    std::optional<asio::ssl::context> tls;
    if (certificate) {
        tls.emplace(asio::ssl::context::tls_server);
        tls->use_certificate_chain_file(certificate);
        tls->use_private_key_file(key, asio::ssl::context::pem);
    }
    asio::io_context context(1);
    run(context, serve(tls ? &*tls : nullptr));
    return 0;
}

double loop_of(double operations, awaitable<void> (*main)(int), int n) {
    return bench::median_ns(operations, 3, [=] {
        asio::io_context context(1);
        run(context, main(n));
    });
}

}  // namespace

int main(int argc, char** argv) {
    if (argc > 1 && std::strstr(argv[1], "echo"))
        return serve_echo(argc > 3 ? argv[2] : nullptr, argc > 3 ? argv[3] : nullptr);
    return bench::run_row(argc, argv,
                          {{"await_leaf", [] { return loop_of(2e6, leaves, 2'000'000); }},
                           {"await_chain",
                            [] {
                                return loop_of(
                                    1e6, [](int n) { return chains(n, 50); }, 20'000);
                            }},
                           {"yield", [] { return loop_of(1e6, yields, 1'000'000); }},
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
                           {"timer_arm_cancel", timer_arm_cancel},
                           {"timer_arm_after_cancel", timer_arm_cancel},
                           {"timeout", [] { return loop_of(1e5, timeouts, 100'000); }}});
}
