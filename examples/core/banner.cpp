// Reads the first line that a server says, with a limit on the whole.
#include <weft/core.hpp>

#include <cstdio>
#include <string>

using namespace std::chrono_literals;

weft::Task<void> print_banner(std::string host, std::uint16_t port) {
    auto [reader, writer] = co_await weft::timeout(5s, weft::open_connection(host, port));
    auto banner = co_await reader.read_line();
    std::printf("%s %s\n", host.c_str(), banner.value_or("").c_str());
}

// The server of this example; usually it is a switch's SSH daemon.
weft::Task<void> greet(weft::Connection& connection) {
    connection.writer.write("weft-example-1.0\r\n");
    co_await connection.writer.drain();
}

weft::Task<void> main_task() {
    auto server = weft::start_server(greet, weft::SocketAddress::parse("127.0.0.1:0"));
    co_await print_banner("localhost", server.port());
    co_await server.close();
}

int main() { return weft::run(main_task()); }
