#include <weft/core.hpp>
#include <weft/core/server.hpp>
#include <weft/testing/co_test.hpp>

#include <string>
#include <vector>

namespace weft::testing {
namespace {

using namespace std::chrono_literals;

Task<void> echo_lines(Connection& connection) {
    for (;;) {
        auto line = co_await connection.reader.read_line();
        if (!line) co_return;
        connection.writer.write("echo " + *line + "\n");
        co_await connection.writer.drain();
    }
}

Task<std::string> ask(SocketAddress address, std::string text) {
    auto connection = co_await open_connection(address);
    connection.writer.write(text + "\n");
    co_await connection.writer.drain();
    auto line = co_await connection.reader.read_line();
    co_return line.value_or("nothing");
}

CO_TEST(Server, serves_many_connections_at_once) {
    auto server = start_server(echo_lines, SocketAddress::loopback(0));
    std::vector<Task<std::string>> clients;
    for (int i = 0; i < 50; ++i) clients.push_back(ask(server.local_address(), std::to_string(i)));
    const auto replies = co_await gather(std::move(clients));
    for (int i = 0; i < 50; ++i) EXPECT_EQ(replies[static_cast<std::size_t>(i)], "echo " + std::to_string(i));
    co_await server.close();
    EXPECT_EQ(server.connections(), 0u);
}

CO_TEST(Server, close_cancels_and_joins_its_connections) {
    int cleaned = 0;
    Event waiting;
    const ConnectionHandler handler = [&](Connection& connection) -> Task<void> {
        bool cancelled = false;
        waiting.set();
        try {
            co_await connection.reader.read_line();
        } catch (const Cancelled&) {
            cancelled = true;
        }
        co_await sleep(2ms);
        if (cancelled) {
            ++cleaned;
            throw Cancelled();
        }
    };
    auto server = start_server(handler, SocketAddress::loopback(0));
    auto client = co_await open_connection(server.local_address());
    co_await waiting.wait();
    EXPECT_EQ(server.connections(), 1u);
    co_await server.close();
    EXPECT_EQ(cleaned, 1);
    EXPECT_EQ(server.connections(), 0u);
    const std::string rest = co_await client.reader.read(1);
    EXPECT_EQ(rest, "");
    co_await server.close();
}

CO_TEST(Server, a_failing_handler_is_reported_and_touches_nobody_else) {
    std::string reported;
    ServerOptions options;
    options = ServerOptions().on_error([&](const std::string& peer, std::exception_ptr error) {
        reported = peer + ": " + detail::describe(error);
    });
    const ConnectionHandler handler = [](Connection& connection) -> Task<void> {
        auto line = co_await connection.reader.read_line();
        if (line == "fail") throw Error("asked to fail");
        connection.writer.write("fine\n");  // sent although nobody drains
    };
    auto server = start_server(handler, SocketAddress::loopback(0), std::move(options));
    auto steady = co_await open_connection(server.local_address());
    const std::string nothing = co_await ask(server.local_address(), "fail");
    EXPECT_EQ(nothing, "nothing");
    EXPECT_NE(reported.find("ipv4:127.0.0.1:"), std::string::npos) << reported;
    EXPECT_NE(reported.find("asked to fail"), std::string::npos) << reported;
    steady.writer.write("hello\n");
    auto line = co_await steady.reader.read_line();
    EXPECT_EQ(line, "fine");
}

CO_TEST(Server, serves_no_more_than_its_limit_at_a_time) {
    Event release;
    std::size_t most = 0;
    std::size_t now = 0;
    const ConnectionHandler handler = [&](Connection& connection) -> Task<void> {
        most = std::max(most, ++now);
        co_await release.wait();
        connection.writer.write("done\n");
        --now;
    };
    auto server = start_server(handler, SocketAddress::loopback(0), ServerOptions().max_connections(2));
    std::vector<Task<std::string>> clients;
    for (int i = 0; i < 6; ++i) clients.push_back(ask(server.local_address(), "x"));
    auto all = spawn(gather(std::move(clients)));
    while (now < 2) co_await sleep(1ms);
    co_await sleep(5ms);
    EXPECT_EQ(now, 2u);
    release.set();
    const auto& replies = co_await all;
    EXPECT_EQ(replies, std::vector<std::string>(6, "done"));
    EXPECT_EQ(most, 2u);
}

CO_TEST(Server, drain_lets_connections_finish_and_takes_no_new_ones) {
    auto server = start_server(echo_lines, SocketAddress::loopback(0));
    auto client = co_await open_connection(server.local_address());
    client.writer.write("1\n");
    auto first = co_await client.reader.read_line();
    EXPECT_EQ(first, "echo 1");
    auto drained = spawn(server.drain());
    co_await sleep(2ms);
    EXPECT_FALSE(drained.done());
    bool refused = false;
    try {
        auto late = co_await open_connection(server.local_address());
    } catch (const SystemError&) {
        refused = true;
    }
    EXPECT_TRUE(refused);
    client.writer.close();
    co_await drained;
}

CO_TEST(Server, dropping_it_ends_everything) {
    Connection client = co_await [](void) -> Task<Connection> {
        auto server = start_server(echo_lines, SocketAddress::loopback(0));
        auto connection = co_await open_connection(server.local_address());
        connection.writer.write("1\n");
        auto line = co_await connection.reader.read_line();
        EXPECT_EQ(line, "echo 1");
        co_return connection;
    }();
    const std::string rest = co_await client.reader.read(1);
    EXPECT_EQ(rest, "");
}

CO_TEST(CancelAndJoin, tells_the_tasks_cancellation_from_the_callers) {
    // The task needs a while to clean up; the caller is cancelled meanwhile.
    const auto stubborn = []() -> Task<void> {
        bool cancelled = false;
        try {
            co_await sleep(1h);
        } catch (const Cancelled&) {
            cancelled = true;
        }
        if (cancelled) co_await sleep(5ms);
        throw Cancelled();
    };
    const auto closer = [&]() -> Task<void> {
        auto task = spawn(stubborn());
        co_await sleep(1ms);
        co_await cancel_and_join(task);
    };
    co_await closer();  // its own cancellation of the task is swallowed
    auto handle = spawn(closer());
    co_await sleep(3ms);
    handle.cancel();
    bool cancelled = false;
    try {
        co_await handle;
    } catch (const Cancelled&) {
        cancelled = true;
    }
    EXPECT_TRUE(cancelled);
}

}  // namespace
}  // namespace weft::testing
