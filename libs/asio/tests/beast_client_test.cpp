// A Beast HTTP client in a weft task, against a server of weft's in the same program and on the same thread.
#include <weft/asio/context_loop.hpp>
#include <weft/asio/use_task.hpp>
#include <weft/core/server.hpp>
#include <weft/core/spawn.hpp>
#include <weft/core/timeout.hpp>

#include <gtest/gtest.h>

#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <string>

namespace weft::asio {
namespace {

namespace http = boost::beast::http;
using tcp = boost::asio::ip::tcp;
using namespace std::chrono_literals;

Task<void> answer(Connection& connection) {
    const auto head = co_await connection.reader.read_until("\r\n\r\n");
    const std::string target = head.substr(0, head.find("\r\n"));
    connection.writer.write("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: " +
                            std::to_string(target.size()) + "\r\n\r\n" + target);
}

Task<std::string> get(boost::asio::io_context& context, std::uint16_t port, std::string target) {
    tcp::socket socket(context);
    const tcp::endpoint to(boost::asio::ip::address_v4::loopback(), port);
    co_await socket.async_connect(to, use_task);
    http::request<http::empty_body> request(http::verb::get, target, 11);
    request.set(http::field::host, "localhost");
    co_await http::async_write(socket, request, use_task);
    boost::beast::flat_buffer buffer;
    http::response<http::string_body> response;
    co_await http::async_read(socket, buffer, response, use_task);
    EXPECT_EQ(response.result(), http::status::ok);
    co_return response.body();
}

TEST(BeastClient, talks_to_a_weft_server_in_the_same_io_context) {
    boost::asio::io_context context;
    ContextLoop weft_loop(context);
    const auto main = [&]() -> Task<void> {
        auto server = start_server(answer, SocketAddress::loopback(0));
        for (int i = 0; i < 20; ++i) {
            const std::string target = "/port/" + std::to_string(i);
            const auto body = co_await weft::timeout(5s, get(context, server.port(), target));
            EXPECT_EQ(body, "GET " + target + " HTTP/1.1");
        }
        co_await server.close();
    };
    auto handle = weft_loop.spawn(main());
    context.run();
    EXPECT_TRUE(handle.done());
    EXPECT_EQ(handle.exception(), nullptr);
}

}  // namespace
}  // namespace weft::asio
