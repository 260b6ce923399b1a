#include <weft/core.hpp>
#include <weft/testing/co_test.hpp>

#include <string>
#include <vector>

#include <netinet/in.h>
#include <sys/socket.h>

namespace weft::testing {
namespace {

using namespace std::chrono_literals;

CO_TEST(OpenConnection, reaches_localhost_by_name_without_a_name_server) {
    const ConnectionHandler handler = [](Connection& connection) -> Task<void> {
        connection.writer.write("banner\n");
        co_return;
    };
    auto server = start_server(handler, SocketAddress::loopback(0));
    auto connection = co_await open_connection("localhost", server.port());
    auto line = co_await connection.reader.read_line();
    EXPECT_EQ(line, "banner");
    auto by_literal = co_await open_connection("127.0.0.1", server.port());
    line = co_await by_literal.reader.read_line();
    EXPECT_EQ(line, "banner");
}

CO_TEST(ConnectAny, takes_the_next_address_at_once_when_one_refuses) {
    Listener listener(SocketAddress::loopback(0));
    SocketAddress dead;
    {
        Listener gone(SocketAddress::ip("::1", 0));
        dead = gone.local_address();
    }
    std::vector<SocketAddress> addresses;
    addresses.push_back(dead);
    addresses.push_back(listener.local_address());
    const auto start = Clock::now();
    auto stream = co_await connect_any(std::move(addresses), 10s);
    EXPECT_LT(Clock::now() - start, 5s);
    EXPECT_EQ(stream->peer(), listener.local_address().to_string());
}

// A listener whose queue is full drops SYNs: connecting to it hangs, as to a dead host.
class SilentListener {
public:
    SilentListener() : listener_(SocketAddress::loopback(0), 0) {}
    Task<void> fill() {
        for (int i = 0; i < 8; ++i) {
            bool connected = false;
            try {
                auto stream = co_await timeout(50ms, connect(listener_.local_address()));
                held_.push_back(std::move(stream));
                connected = true;
            } catch (const TimeoutError&) {
            }
            if (!connected) co_return;
        }
    }
    [[nodiscard]] SocketAddress address() const { return listener_.local_address(); }

private:
    Listener listener_;
    std::vector<std::unique_ptr<Stream>> held_;
};

CO_TEST(ConnectAny, does_not_wait_for_a_silent_address) {
    SilentListener silent;
    co_await silent.fill();
    Listener listener(SocketAddress::loopback(0));
    std::vector<SocketAddress> addresses;
    addresses.push_back(silent.address());
    addresses.push_back(listener.local_address());
    auto stream = co_await connect_any(std::move(addresses), 30ms);
    EXPECT_EQ(stream->peer(), listener.local_address().to_string());
}

CO_TEST(ConnectAny, lists_every_failure) {
    std::vector<SocketAddress> addresses;
    for (int i = 0; i < 2; ++i) {
        Listener gone(SocketAddress::loopback(0));
        addresses.push_back(gone.local_address());
    }
    const auto both = addresses;
    std::string text;
    try {
        auto stream = co_await connect_any(addresses);
    } catch (const SystemError& e) {
        text = e.what();
        EXPECT_EQ(e.code(), std::errc::connection_refused);
    }
    EXPECT_NE(text.find(both[0].to_string()), std::string::npos) << text;
    EXPECT_NE(text.find(both[1].to_string()), std::string::npos) << text;
}

CO_TEST(Connect, a_time_limit_ends_it) {
    SilentListener silent;
    co_await silent.fill();
    bool timed_out = false;
    try {
        auto stream = co_await timeout(20ms, connect(silent.address()));
    } catch (const TimeoutError&) {
        timed_out = true;
    }
    EXPECT_TRUE(timed_out);
}

CO_TEST(Connect, waits_for_room_in_the_queue_of_a_unix_listener) {
    Listener listener(SocketAddress::unix_abstract("weft-full-" + std::to_string(::getpid())), 0);
    std::vector<TaskHandle<std::unique_ptr<Stream>>> clients;
    for (int i = 0; i < 5; ++i) clients.push_back(spawn(connect(listener.local_address())));
    std::vector<std::unique_ptr<Stream>> servers;
    for (int i = 0; i < 5; ++i) {
        auto server = co_await listener.accept();
        servers.push_back(std::move(server));
    }
    for (auto& client : clients) {
        auto stream = co_await std::move(client);
        EXPECT_NE(stream, nullptr);
    }
}

}  // namespace
}  // namespace weft::testing
