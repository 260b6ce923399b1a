// The server's life: ports, limits, stopping, generic handlers.
#include "echo_service.hpp"

#include <weft/core/connect.hpp>
#include <weft/grpc/add_connection.hpp>
#include <weft/testing/co_test.hpp>
#include <weft/testing/memory_stream.hpp>

#include <gtest/gtest.h>

#include <dirent.h>

namespace weft::test {
namespace {

using namespace std::chrono_literals;
using grpc::CallOptions;
using grpc::StatusCode;

CO_TEST(Server, stop_with_grace_lets_calls_end) {
    EchoPair echo;
    co_await echo.start();
    auto call = echo.stub->Say(request_of("finish me", 0, 0, 80));
    while (echo.service.calls == 0) co_await sleep(1ms);
    auto stopping = spawn(echo.server.stop(10s));
    const EchoReply reply = co_await call;
    EXPECT_EQ(reply.text(), "finish me");
    co_await stopping;
    co_await echo.server.wait_for_termination();
    EXPECT_EQ(echo.service.cancelled, 0);
    co_await echo.channel->close();
}

CO_TEST(Server, stop_ends_calls_with_unavailable_and_cancels_handlers) {
    EchoPair echo;
    co_await echo.start();
    auto call = echo.stub->Say(request_of("never", 0, 0, 60'000));
    while (echo.service.calls == 0) co_await sleep(1ms);
    co_await echo.server.stop();
    EXPECT_EQ(echo.service.cancelled, 1);
    const StatusCode code = co_await call.code();
    EXPECT_EQ(code, StatusCode::unavailable);
    co_await echo.server.stop();
    co_await echo.channel->close();
}

CO_TEST(Server, second_stop_shortens_the_grace) {
    EchoPair echo;
    co_await echo.start();
    auto call = echo.stub->Say(request_of("long", 0, 0, 60'000));
    while (echo.service.calls == 0) co_await sleep(1ms);
    auto patient = spawn(echo.server.stop(1h));
    co_await sleep(5ms);
    EXPECT_FALSE(patient.done());
    co_await echo.server.stop();
    co_await patient;
    EXPECT_EQ(echo.service.cancelled, 1);
    co_await echo.channel->close();
}

CO_TEST(Server, call_over_the_limit_is_refused) {
    EchoPair echo(grpc::ServerOptions().maximum_concurrent_rpcs(1));
    co_await echo.start();
    auto first = echo.stub->Say(request_of("1", 0, 0, 60'000));
    while (echo.service.calls == 0) co_await sleep(1ms);
    auto second = echo.stub->Say(request_of("2"));
    const StatusCode code = co_await second.code();
    EXPECT_EQ(code, StatusCode::resource_exhausted);
    first.cancel();
    co_await echo.service.cancellation_seen.wait();
    while (echo.server.active_calls() != 0) co_await sleep(1ms);
    const EchoReply third = co_await echo.stub->Say(request_of("3"));
    EXPECT_EQ(third.text(), "3");
    co_await echo.close();
}

CO_TEST(Server, calls_over_max_concurrent_streams_wait_their_turn) {
    EchoPair echo(grpc::ServerOptions().max_concurrent_streams(2));
    co_await echo.start();
    std::vector<grpc::UnaryUnaryCall<EchoReply>> calls;
    for (int i = 0; i < 10; ++i) calls.push_back(echo.stub->Say(request_of(std::to_string(i), 0, 0, 5)));
    for (int i = 0; i < 10; ++i) {
        const EchoReply reply = co_await calls[i];
        EXPECT_EQ(reply.text(), std::to_string(i));
    }
    co_await echo.close();
}

CO_TEST(Server, port_in_use_is_an_error_that_names_it) {
    EchoPair echo;
    bool thrown = false;
    try {
        echo.server.add_insecure_port(echo.target);
    } catch (const SystemError& error) {
        thrown = true;
        EXPECT_NE(std::string(error.what()).find(echo.target), std::string::npos) << error.what();
    }
    EXPECT_TRUE(thrown);
    EXPECT_THROW(echo.server.add_insecure_port("not an address"), weft::Error);
    co_return;
}

class Proxyish final : public grpc::GenericHandler {
public:
    bool handles(std::string_view method) const override { return method.starts_with("/any."); }
    Task<void> handle(grpc::ServerContext& context,
                      grpc::ServerReaderWriter<std::string, std::string>& stream) override {
        std::string answer(context.method());
        for (;;) {
            auto message = co_await stream.read();
            if (!message) break;
            answer += " " + *message;
        }
        co_await stream.write(answer);
    }
};

CO_TEST(Server, generic_handler_takes_what_no_service_has) {
    EchoPair echo;
    Proxyish proxy;
    echo.server.add_generic_handler(proxy);
    co_await echo.start();
    auto any = echo.channel->unary_unary("/any.Thing/Do");
    const std::string answer = co_await any("bytes");
    EXPECT_EQ(answer, "/any.Thing/Do bytes");
    auto other = echo.channel->unary_unary("/other.Thing/Do")("bytes");
    const StatusCode code = co_await other.code();
    EXPECT_EQ(code, StatusCode::unimplemented);
    co_await echo.close();
}

class Upper final : public grpc::Service {
public:
    Upper() { add_unary_unary("/demo.Upper/Do", &Upper::run); }
    Task<std::string> run(grpc::ServerContext&, std::string text) {
        for (char& c : text) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
        co_return text;
    }
};

CO_TEST(Server, service_of_raw_bytes_is_written_by_hand) {
    Upper upper;
    grpc::Server server;
    server.add_service(upper);
    EXPECT_THROW(server.add_service(upper), UsageError) << "a method has one handler";
    const std::string target = "127.0.0.1:" + std::to_string(server.add_insecure_port("127.0.0.1:0"));
    co_await server.start();
    auto channel = grpc::insecure_channel(target);
    const std::string answer = co_await channel.unary_unary("/demo.Upper/Do")("loud");
    EXPECT_EQ(answer, "LOUD");
    co_await channel.close();
    co_await server.stop();
}

CO_TEST(Server, serves_a_stream_that_came_from_elsewhere) {
    Upper upper;
    grpc::Server server;
    server.add_service(upper);
    co_await server.start();
    auto streams = testing::memory_stream_pair();
    grpc::add_connection(server, std::move(streams.second));
    co_await streams.first->write_all("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    co_await streams.first->write_all(std::string_view("\0\0\0\4\0\0\0\0\0", 9));
    std::vector<std::byte> settings(9);
    co_await streams.first->read_exactly(settings);
    EXPECT_EQ(settings[3], std::byte{4}) << "the server's first frame is SETTINGS";
    streams.first->close();
    co_await server.stop();
}

CO_TEST(Server, dropping_it_destroys_handlers_where_they_wait) {
    auto service = std::make_unique<EchoService>();
    auto server = std::make_unique<grpc::Server>();
    server->add_service(*service);
    const std::string target = "127.0.0.1:" + std::to_string(server->add_insecure_port("127.0.0.1:0"));
    co_await server->start();
    auto channel = grpc::insecure_channel(target);
    Echo::Stub stub(channel);
    auto call = stub.Say(request_of("x", 0, 0, 60'000));
    while (service->calls == 0) co_await sleep(1ms);
    server.reset();
    service.reset();
    const StatusCode code = co_await call.code();
    EXPECT_EQ(code, StatusCode::unavailable);
    co_await channel.close();
}

CO_TEST(Server, client_and_server_start_no_thread) {
    EchoPair echo;
    co_await echo.start();
    co_await echo.stub->Say(request_of("x"));
    int threads = 0;
    DIR* tasks = ::opendir("/proc/self/task");
    while (const dirent* entry = ::readdir(tasks)) threads += entry->d_name[0] != '.';
    ::closedir(tasks);
    EXPECT_EQ(threads, 1);
    co_await echo.close();
}

}  // namespace
}  // namespace weft::test
