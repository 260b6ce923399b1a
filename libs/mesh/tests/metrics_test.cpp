// GET /metrics at the port of a router or a service.
#include "websocket.hpp"

#include <weft/core.hpp>
#include <weft/mesh.hpp>
#include <weft/testing/co_test.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace weft::mesh {
namespace {

using namespace std::chrono_literals;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

// All that the server says until it closes.
Task<std::string> ask(std::uint16_t port, std::string request) {
    auto stream = co_await connect(SocketAddress::loopback(port));
    co_await stream->write_all(request);
    std::string out;
    std::byte room[65536];
    for (;;) {
        const std::size_t n = co_await stream->read_some(room);
        if (n == 0) break;
        out.append(reinterpret_cast<const char*>(room), n);
    }
    co_return out;
}

const std::string scrape = "GET /metrics HTTP/1.1\r\nHost: x\r\nAccept: */*\r\n\r\n";

TEST(HttpRequest, has_a_path_and_fields) {
    EXPECT_EQ(request_path(scrape), "/metrics");
    EXPECT_EQ(request_path("GET /metrics?name=x HTTP/1.1\r\n\r\n"), "/metrics");
    EXPECT_EQ(request_path("POST /metrics HTTP/1.1\r\n\r\n"), "");
    EXPECT_EQ(request_field(scrape, "accept"), "*/*");
    EXPECT_EQ(request_field(scrape, "upgrade"), "");
    EXPECT_EQ(request_field("GET / HTTP/1.1\r\nno colon\r\na: b", "a"), "b");
    EXPECT_EQ(request_field("GET /", "a"), "");
}

CO_TEST(Metrics, tell_what_a_service_has_answered) {
    std::vector<std::string> log;
    Service service(
        Options("calc").metrics(true).on_log([&](std::string_view line) { log.emplace_back(line); }));
    service.callback("twice", [](int n) { return 2 * n; });
    service.start();
    Client client(Options("caller").port(service.port()));
    auto conn = co_await client.connect();
    for (int i = 0; i < 3; ++i) co_await conn.rpc(5s).call<int>("twice", i);
    const std::string text = co_await ask(service.port(), scrape);
    EXPECT_THAT(text, StartsWith("HTTP/1.1 200 OK\r\n"));
    EXPECT_THAT(text, HasSubstr("Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n"));
    EXPECT_THAT(text, HasSubstr("weft_mesh_calls_total{node=\"calc\",method=\"twice\"} 3\n"));
    EXPECT_THAT(text, HasSubstr("weft_mesh_members{node=\"calc\"} 1\n"));
    const std::size_t body = text.find("\r\n\r\n") + 4;
    EXPECT_THAT(text, HasSubstr("Content-Length: " + std::to_string(text.size() - body) + "\r\n"));
    EXPECT_THAT(log, IsEmpty());  // four lines a minute for every scraper would be noise
    // Pieces, and a client that is gone before the answer.
    auto slow = co_await connect(SocketAddress::loopback(service.port()));
    for (const char c : scrape) co_await slow->write_all(std::string(1, c));
    slow->close();
    const std::string again = co_await ask(service.port(), scrape);
    EXPECT_THAT(again, HasSubstr("} 3\n"));
}

CO_TEST(Metrics, of_a_router_want_its_token) {
    Router router(Options("router").metrics(true).token("s3cret"));
    router.start();
    const std::string no = co_await ask(router.port(), scrape);
    EXPECT_THAT(no, StartsWith("HTTP/1.1 401 Unauthorized\r\n"));
    EXPECT_THAT(no, ::testing::Not(HasSubstr("weft_mesh")));
    const std::string yes =
        co_await ask(router.port(), "GET /metrics HTTP/1.1\r\nAuthorization: Bearer s3cret\r\n\r\n");
    EXPECT_THAT(yes, HasSubstr("weft_mesh_members{node=\"router\"} 0\n"));
}

CO_TEST(Metrics, are_not_shown_unless_asked_for_and_no_other_page_is) {
    Router quiet{Options("quiet")};
    quiet.start();
    const std::string no = co_await ask(quiet.port(), scrape);
    EXPECT_THAT(no, StartsWith("HTTP/1.1 400 "));
    Router open(Options("open").metrics(true));
    open.start();
    const std::string other = co_await ask(open.port(), "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_THAT(other, StartsWith("HTTP/1.1 400 "));
}

// More than a socket takes at once, to one who reads it late.
CO_TEST(Metrics, of_many_methods_arrive_whole) {
    Service service(Options("calc").metrics(true));
    std::vector<std::string> names;
    for (int i = 0; i < 4000; ++i) names.push_back("method_" + std::string(200, 'x') + std::to_string(i));
    for (const std::string& name : names) service.callback(name, [] { return 1; });
    service.start();
    Client client(Options("caller").port(service.port()));
    auto conn = co_await client.connect();
    for (const std::string& name : names) conn.rpc_nowait().call(name);
    while (service.stats().methods.size() != names.size()) co_await sleep(5ms);
    auto stream = co_await connect(SocketAddress::loopback(service.port()));
    co_await stream->write_all(scrape);
    co_await sleep(50ms);
    std::string text;
    std::vector<std::byte> room(4096);
    for (;;) {
        const std::size_t n = co_await stream->read_some(room);
        if (n == 0) break;
        text.append(reinterpret_cast<const char*>(room.data()), n);
    }
    EXPECT_GT(text.size(), 3'000'000u);
    EXPECT_THAT(text.substr(text.size() - 300), EndsWith("\n"));
    const std::size_t body = text.find("\r\n\r\n") + 4;
    EXPECT_THAT(text.substr(0, 300),
                HasSubstr("Content-Length: " + std::to_string(text.size() - body) + "\r\n"));
}

TEST(Metrics, have_no_port_in_a_nats_cluster) {
    EXPECT_THROW(Service(Options("calc").host("nats://127.0.0.1").metrics(true)), InitializationError);
}

}  // namespace
}  // namespace weft::mesh
