#include <weft/asio/context_loop.hpp>
#include <weft/asio/use_task.hpp>
#include <weft/core.hpp>

#include <gtest/gtest.h>

#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <string>
#include <thread>

namespace weft::asio {
namespace {

namespace net = boost::asio;
using namespace std::chrono_literals;

TEST(ContextLoop, weft_tasks_and_asio_handlers_take_turns_and_then_the_context_returns) {
    net::io_context context;
    ContextLoop weft_loop(context);
    std::string order;
    const auto main = [&]() -> Task<int> {
        EXPECT_EQ(&Loop::current(), &weft_loop.loop());
        co_await sleep(1ms);
        order += "weft ";
        Event from_handler;
        net::post(context, [&] {
            order += "asio ";
            from_handler.set();
        });
        co_await from_handler.wait();
        auto child = spawn([]() -> Task<int> {
            co_await sleep(1ms);
            co_return 41;
        }());
        const int n = co_await child;
        order += "end";
        co_return n + 1;
    };
    auto handle = weft_loop.spawn(main());
    context.run();
    EXPECT_TRUE(handle.done());
    EXPECT_EQ(handle.result(), 42);
    EXPECT_EQ(order, "weft asio end");
    EXPECT_EQ(Loop::current_or_null(), nullptr);
    // And again, after it has been idle.
    context.restart();
    auto again = weft_loop.spawn(main());
    context.run();
    EXPECT_EQ(again.result(), 42);
}

TEST(ContextLoop, wefts_own_descriptors_and_posts_from_other_threads_work_inside) {
    net::io_context context;
    ContextLoop weft_loop(context);
    Event posted;
    std::thread other;
    const auto main = [&]() -> Task<std::string> {
        const ConnectionHandler echo = [](Connection& c) -> Task<void> {
            auto line = co_await c.reader.read_line();
            c.writer.write(*line + "\n");
        };
        auto server = start_server(echo, SocketAddress::loopback(0));
        auto connection = co_await open_connection(server.local_address());
        connection.writer.write("hello\n");
        auto line = co_await connection.reader.read_line();
        co_await server.close();
        Loop& loop = Loop::current();
        other = std::thread([&] { loop.post([&] { posted.set(); }); });
        co_await posted.wait();
        co_return *line;
    };
    auto handle = weft_loop.spawn(main());
    context.run();
    other.join();
    EXPECT_EQ(handle.result(), "hello");
}

TEST(ContextLoop, a_handler_may_cancel_start_and_drop_tasks) {
    net::io_context context;
    ContextLoop weft_loop(context);
    std::string ended;
    const auto hold = [&](std::string name) -> Task<void> {
        bool cancelled = false;
        try {
            co_await sleep(1h);
        } catch (const Cancelled&) {
            cancelled = true;
        }
        if (cancelled) ended += name;
    };
    auto cancelled = weft_loop.spawn(hold("cancelled "));
    auto dropped = weft_loop.spawn(hold("dropped "));
    TaskHandle<void> late;
    net::steady_timer timer(context, 2ms);
    timer.async_wait([&](boost::system::error_code) {
        cancelled.cancel();
        timer.expires_after(2ms);
        timer.async_wait([&](boost::system::error_code) {
            dropped = TaskHandle<void>();
            late = weft_loop.spawn(hold("late "));
            timer.expires_after(2ms);
            timer.async_wait([&](boost::system::error_code) { late.cancel(); });
        });
    });
    EXPECT_LT(context.run_for(10s), 100u);
    EXPECT_TRUE(context.stopped());
    EXPECT_EQ(ended, "cancelled dropped late ");
}

TEST(UseTask, gives_values_errors_and_codes) {
    net::io_context context;
    ContextLoop weft_loop(context);
    const auto main = [&]() -> Task<void> {
        net::ip::tcp::acceptor acceptor(context, {net::ip::address_v4::loopback(), 0});
        net::ip::tcp::socket client(context);
        const auto connecting = [&]() -> Task<void> {
            co_await client.async_connect(acceptor.local_endpoint(), use_task);
        };
        auto connected = spawn(connecting());
        auto server = co_await acceptor.async_accept(use_task);
        co_await connected;
        const std::string text = "over asio";
        const std::size_t n = co_await client.async_write_some(net::buffer(text), use_task);
        EXPECT_EQ(n, text.size());
        std::array<char, 100> buffer;
        const std::size_t got = co_await server.async_read_some(net::buffer(buffer), use_task);
        EXPECT_EQ(std::string(buffer.data(), got), text);
        client.close();
        std::error_code code;
        try {
            co_await server.async_read_some(net::buffer(buffer), use_task);
        } catch (const SystemError& e) {
            code = e.code();
        }
        EXPECT_EQ(code, std::error_code(boost::system::error_code(net::error::eof)));
        const auto result = co_await server.async_read_some(net::buffer(buffer), net::as_tuple(use_task));
        EXPECT_EQ(std::get<0>(result), net::error::eof);
        co_await net::post(context, use_task);
    };
    auto handle = weft_loop.spawn(main());
    context.run();
    EXPECT_EQ(handle.exception(), nullptr);
}

TEST(UseTask, a_timeout_cancels_the_operation_and_only_it) {
    net::io_context context;
    ContextLoop weft_loop(context);
    const auto main = [&]() -> Task<void> {
        net::ip::tcp::acceptor acceptor(context, {net::ip::address_v4::loopback(), 0});
        bool timed_out = false;
        try {
            co_await weft::timeout(5ms, acceptor.async_accept(use_task));
        } catch (const TimeoutError&) {
            timed_out = true;
        }
        EXPECT_TRUE(timed_out);
        net::ip::tcp::socket client(context);
        auto accepting = spawn(acceptor.async_accept(use_task));
        co_await client.async_connect(acceptor.local_endpoint(), use_task);
        auto server = co_await std::move(accepting);
        EXPECT_TRUE(server.is_open());
    };
    auto handle = weft_loop.spawn(main());
    context.run();
    EXPECT_EQ(handle.exception(), nullptr);
}

TEST(UseTask, a_cancellation_that_comes_too_late_keeps_the_result) {
    net::io_context context;
    ContextLoop weft_loop(context);
    bool reached = false;
    bool cancelled = false;
    const auto main = [&]() -> Task<void> {
        try {
            // Cannot be cancelled.
            co_await net::post(context, use_task);
            reached = true;
            co_await sleep(1h);
        } catch (const Cancelled&) {
            cancelled = true;
        }
    };
    auto handle = weft_loop.spawn(main());
    weft_loop.context().poll_one();  // the task waits for its post
    handle.cancel();
    context.run();
    EXPECT_TRUE(reached);
    EXPECT_TRUE(cancelled);
}

TEST(ContextLoop, dies_with_tasks_that_wait_for_operations) {
    net::io_context context;
    net::steady_timer timer(context, 1h);
    {
        ContextLoop weft_loop(context);
        const auto main = [&]() -> Task<void> { co_await timer.async_wait(use_task); };
        auto handle = weft_loop.spawn(main());
        context.poll();
        EXPECT_FALSE(handle.done());
        handle = TaskHandle<void>();
    }
    context.restart();
    EXPECT_GT(context.run(), 0u);  // the operation was cancelled: its handler runs and finds nobody
}

TEST(ContextLoop, cancel_all_ends_the_tasks_in_order) {
    net::io_context context;
    ContextLoop weft_loop(context);
    bool cleaned = false;
    const auto main = [&]() -> Task<void> {
        bool stopped = false;
        try {
            co_await sleep(1h);
        } catch (const Cancelled&) {
            stopped = true;
        }
        co_await sleep(1ms);
        cleaned = stopped;
    };
    auto handle = weft_loop.spawn(main());
    net::post(context, [&] { weft_loop.cancel_all(); });
    context.run();
    EXPECT_TRUE(cleaned);
}

TEST(UseTask, outside_of_a_context_loop_is_refused) {
    net::io_context context;
    Loop loop;
    net::steady_timer timer(context, 1ms);
    EXPECT_THROW(loop.run(timer.async_wait(use_task)), UsageError);
}

}  // namespace
}  // namespace weft::asio
