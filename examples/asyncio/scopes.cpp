// Resources that are closed on every path, and values that come one by one: docs/from-python/asyncio.md.
#include "lab.hpp"

#include <weft/core.hpp>

#include <array>
#include <cstdio>
#include <string>
#include <utility>

using namespace std::chrono_literals;

class Session {
public:
    static weft::Task<Session> connect(Device device) {
        weft::Connection connection = co_await weft::open_connection(device.address);
        co_return Session(std::move(connection));
    }

    weft::Task<std::string> run(std::string command) {
        connection_.writer.write(command + "\n");
        co_return co_await connection_.reader.read_to_end(1 << 20);
    }

    weft::Task<void> close() {  // what with() awaits
        connection_.writer.close();
        co_await connection_.writer.wait_closed();
        std::puts("session closed");
    }

private:
    explicit Session(weft::Connection connection) : connection_(std::move(connection)) {}
    weft::Connection connection_;
};

weft::Task<std::string> backup(Device device) {
    co_return co_await weft::with(Session::connect(device), [](Session& session) -> weft::Task<std::string> {
        co_return co_await session.run("show running-config");
    });
}

weft::Task<std::string> backup_with_scope(Device device) {
    co_return co_await weft::with_scope([&](weft::AsyncScope& scope) -> weft::Task<std::string> {
        auto& session = scope.own(co_await Session::connect(device));
        scope.defer([&] { std::printf("leaving %s\n", device.name.c_str()); });
        co_return co_await session.run("show running-config");
    });
}

weft::AsyncGenerator<std::string> log_lines(weft::StreamReader& reader) {
    for (;;) {
        auto line = co_await reader.read_line();
        if (!line) break;
        co_yield std::move(*line);
    }
}

weft::Task<void> send_alert(std::string line) {
    std::printf("ALERT %s\n", line.c_str());
    co_await weft::yield();
}

weft::Task<void> read_log_stream(weft::SocketAddress collector) {
    auto [reader, writer] = co_await weft::open_connection(collector);
    auto lines = log_lines(reader);
    for (;;) {
        auto line = co_await lines.next();
        if (!line) break;
        if (line->find("CRITICAL") != std::string::npos) co_await send_alert(*line);
    }
}

weft::Task<void> send_log(weft::Connection& connection) {
    // The list has a name: g++ 12 keeps the array of a braced one outside of the frame.
    const std::array<std::string, 3> lines = {"INFO link up", "CRITICAL fan 2 failed", "INFO config saved"};
    for (const std::string& line : lines) {
        connection.writer.write(line + "\n");
        co_await weft::sleep(1ms);
    }
}

weft::Task<void> main_task() {
    Lab lab;
    const std::string config = co_await backup(lab.devices.front());
    std::printf("%zu bytes\n", config.size());
    co_await backup_with_scope(lab.devices.back());

    auto collector = weft::start_server(send_log, weft::SocketAddress::loopback(0));
    co_await read_log_stream(collector.local_address());
    co_await collector.close();
    co_await lab.close();
}

int main() { return weft::run(main_task()); }
