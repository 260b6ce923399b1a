// A scenario with operations of both libraries, destroyed and cancelled after each of the context's handlers.
#include <weft/asio/async_run.hpp>
#include <weft/asio/context_loop.hpp>
#include <weft/asio/use_task.hpp>
#include <weft/core.hpp>

#include <gtest/gtest.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <memory>
#include <string>

namespace weft::asio {
namespace {

namespace net = boost::asio;
using namespace std::chrono_literals;

Task<void> send(net::ip::tcp::socket& socket, std::string text) {
    co_await net::async_write(socket, net::buffer(text), use_task);
}
Task<std::string> receive(net::ip::tcp::socket& socket, std::size_t size) {
    std::string text(size, ' ');
    co_await net::async_read(socket, net::buffer(text), use_task);
    co_return text;
}

Task<std::string> nap() {
    co_await sleep(1ms);
    co_return "nothing came";
}

Task<void> scenario(ContextLoop* weft_loop, std::shared_ptr<int> alive) {
    net::io_context& context = weft_loop->context();
    net::ip::tcp::acceptor acceptor(context, {net::ip::address_v4::loopback(), 0});
    net::ip::tcp::socket client(context);
    net::ip::tcp::socket server(context);
    const auto accept = [&]() -> Task<void> { server = co_await acceptor.async_accept(use_task); };
    const auto connect = [&]() -> Task<void> {
        co_await client.async_connect(acceptor.local_endpoint(), use_task);
    };
    co_await gather(accept(), connect());
    auto results = co_await gather(send(client, "a line"), receive(server, 6));
    EXPECT_EQ(std::get<1>(results), "a line");
    co_await net::post(context, use_task);
    bool late = false;
    try {
        co_await timeout(2ms, receive(server, 1));
    } catch (const TimeoutError&) {
        late = true;
    }
    EXPECT_TRUE(late);
    co_await race(receive(server, 1), nap());
    const auto asio_side = [&]() -> net::awaitable<void> {
        net::steady_timer timer(context, 1ms);
        co_await timer.async_wait(net::use_awaitable);
    };
    co_await net::co_spawn(context, asio_side(), use_task);
    net::steady_timer timer(context, 1ms);
    co_await timer.async_wait(use_task);
    EXPECT_GT(alive.use_count(), 1);
}

// True when the scenario came to its end before `handlers` had run.
template <class Stop>
bool run_and_stop(std::size_t handlers, Stop stop) {
    const auto alive = std::make_shared<int>();
    bool ended = false;
    {
        net::io_context context;
        auto weft_loop = std::make_unique<ContextLoop>(context);
        auto handle = weft_loop->spawn(scenario(weft_loop.get(), alive));
        for (std::size_t i = 0; i < handlers && !handle.done(); ++i) context.run_one_for(10s);
        ended = handle.done();
        EXPECT_TRUE(!ended || handle.exception() == nullptr);
        stop(weft_loop, handle);
        context.restart();
        context.run_for(10s);
        EXPECT_TRUE(context.stopped()) << "something is left in the context";
    }
    EXPECT_EQ(alive.use_count(), 1);
    return ended;
}

constexpr std::size_t too_many = 1000;

TEST(BridgeSweep, destroyed_after_each_handler) {
    std::size_t n = 0;
    const auto destroy = [](std::unique_ptr<ContextLoop>& loop, TaskHandle<void>& handle) {
        handle = TaskHandle<void>();
        loop.reset();
    };
    while (n < too_many && !run_and_stop(n, destroy)) ++n;
    EXPECT_GT(n, 10u);
    EXPECT_LT(n, too_many);
}

TEST(BridgeSweep, cancelled_after_each_handler) {
    std::size_t n = 0;
    const auto cancel = [](std::unique_ptr<ContextLoop>& loop, TaskHandle<void>& handle) {
        handle.cancel();
        loop->context().restart();
        loop->context().run_for(10s);
        EXPECT_TRUE(handle.done());
        EXPECT_EQ(loop->loop().task_count(), 0u);
        EXPECT_TRUE(handle.cancelled() || handle.exception() == nullptr);
    };
    while (n < too_many && !run_and_stop(n, cancel)) ++n;
    EXPECT_GT(n, 10u);
    EXPECT_LT(n, too_many);
}

}  // namespace
}  // namespace weft::asio
