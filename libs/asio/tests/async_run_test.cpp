// Weft tasks as operations of Asio, and Asio's own coroutines as tasks.
#include <weft/asio/async_run.hpp>
#include <weft/asio/use_task.hpp>
#include <weft/core.hpp>

#include <gtest/gtest.h>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>
#include <future>
#include <memory>
#include <string>

namespace weft::asio {
namespace {

namespace net = boost::asio;
using namespace std::chrono_literals;

Task<std::string> after(Duration delay, std::string value) {
    co_await sleep(delay);
    co_return value;
}
Task<void> fail() {
    co_await sleep(1ms);
    throw ClosedError("expected");
}

TEST(AsyncRun, gives_a_callback_the_value) {
    net::io_context context;
    ContextLoop weft_loop(context);
    std::string got;
    const auto take = [&](const std::exception_ptr& failure, const std::string& value) {
        EXPECT_EQ(failure, nullptr);
        EXPECT_EQ(Loop::current_or_null(), nullptr);
        got = value;
    };
    async_run(weft_loop, after(1ms, "value"), take);
    EXPECT_EQ(got, "");
    context.run();
    EXPECT_EQ(got, "value");
}

TEST(AsyncRun, gives_a_future_the_failure) {
    net::io_context context;
    ContextLoop weft_loop(context);
    auto failed = async_run(weft_loop, fail(), net::use_future);
    auto value = async_run(weft_loop, after(1ms, "later"), net::use_future);
    context.run();
    EXPECT_THROW(failed.get(), ClosedError);
    EXPECT_EQ(value.get(), "later");
}

TEST(AsyncRun, is_awaited_by_an_asio_coroutine_and_the_other_way_round) {
    net::io_context context;
    ContextLoop weft_loop(context);
    const auto asio_side = [&]() -> net::awaitable<std::string> {
        net::steady_timer timer(context, 1ms);
        co_await timer.async_wait(net::use_awaitable);
        std::string value = co_await async_run(weft_loop, after(1ms, "there"), net::use_awaitable, "inner");
        co_return value + " and back";
    };
    const auto main = [&]() -> Task<std::string> {
        co_return co_await net::co_spawn(context, asio_side(), use_task);
    };
    auto handle = weft_loop.spawn(main());
    context.run();
    EXPECT_EQ(handle.result(), "there and back");
}

TEST(AsyncRun, a_timeout_goes_through_an_asio_coroutine_to_the_task_in_it_and_comes_back) {
    net::io_context context;
    ContextLoop weft_loop(context);
    bool cleaned = false;
    const auto inner = [&]() -> Task<void> {
        bool cancelled = false;
        try {
            co_await sleep(1h);
        } catch (const Cancelled&) {
            cancelled = true;
        }
        co_await sleep(1ms);
        cleaned = cancelled;
        if (cancelled) throw Cancelled();
    };
    const auto asio_side = [&]() -> net::awaitable<void> {
        co_await net::this_coro::reset_cancellation_state(net::enable_total_cancellation());
        co_await async_run(weft_loop, inner(), net::use_awaitable);
    };
    const auto main = [&]() -> Task<void> {
        co_await weft::timeout(5ms, net::co_spawn(context, asio_side(), use_task));
    };
    auto handle = weft_loop.spawn(main());
    context.run();
    EXPECT_TRUE(cleaned);
    EXPECT_THROW(handle.result(), TimeoutError);
}

TEST(AsyncRun, a_cancellation_signal_cancels_the_task) {
    net::io_context context;
    ContextLoop weft_loop(context);
    net::cancellation_signal signal;
    boost::system::error_code code;
    const auto take = [&](const std::exception_ptr& failure, const std::string&) {
        try {
            std::rethrow_exception(failure);
        } catch (const boost::system::system_error& e) {
            code = e.code();
        }
    };
    async_run(weft_loop, after(1h, "never"), net::bind_cancellation_slot(signal.slot(), take));
    net::steady_timer timer(context, 1ms);
    timer.async_wait([&](boost::system::error_code) { signal.emit(net::cancellation_type::terminal); });
    context.run();
    EXPECT_EQ(code, net::error::operation_aborted);
}

TEST(AsyncRun, the_handler_runs_where_it_was_bound_to) {
    net::io_context context;
    ContextLoop weft_loop(context);
    auto strand = net::make_strand(context);
    bool in_strand = false;
    const auto take = [&](const std::exception_ptr&) { in_strand = strand.running_in_this_thread(); };
    async_run(weft_loop, fail(), net::bind_executor(strand, take));
    context.run();
    EXPECT_TRUE(in_strand);
}

TEST(AsyncRun, a_loop_that_dies_destroys_the_handler) {
    net::io_context context;
    const auto alive = std::make_shared<int>();
    bool called = false;
    {
        ContextLoop weft_loop(context);
        async_run(weft_loop, after(1h, "never"),
                  [alive, &called](const std::exception_ptr&, const std::string&) { called = true; });
        context.poll();
        EXPECT_EQ(alive.use_count(), 2);
    }
    EXPECT_EQ(alive.use_count(), 1);
    context.restart();
    context.run();
    EXPECT_FALSE(called);
}

TEST(UseTask, can_be_the_default_token_of_a_socket) {
    net::io_context context;
    ContextLoop weft_loop(context);
    const auto main = [&]() -> Task<std::string> {
        auto acceptor =
            UseTask::as_default_on(net::ip::tcp::acceptor(context, {net::ip::address_v4::loopback(), 0}));
        auto client = UseTask::as_default_on(net::ip::tcp::socket(context));
        auto connected = spawn(client.async_connect(acceptor.local_endpoint()));
        auto server = co_await acceptor.async_accept();
        co_await connected;
        co_await client.async_write_some(net::buffer("hi", 2));
        char data[8];
        const std::size_t n = co_await server.async_read_some(net::buffer(data));
        co_return std::string(data, n);
    };
    auto handle = weft_loop.spawn(main());
    context.run();
    EXPECT_EQ(handle.result(), "hi");
}

}  // namespace
}  // namespace weft::asio
