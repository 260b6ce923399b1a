// What TLS streams do beyond what every stream does.
#include "tls_pair.hpp"

#include <weft/core.hpp>
#include <weft/core/tls_stream.hpp>
#include <weft/testing/co_test.hpp>

#include <string>

namespace weft::testing {
namespace {

using namespace std::chrono_literals;

Task<std::string> read_to_end(Stream& stream) {
    std::string text;
    std::string buffer(4096, '\0');
    for (;;) {
        const std::size_t n = co_await stream.read_some(std::as_writable_bytes(std::span(buffer)));
        if (n == 0) break;
        text.append(buffer, 0, n);
    }
    co_return text;
}

// Passes everything on, and lets the test see and cut what goes underneath.
class Tap final : public Stream {
public:
    explicit Tap(std::unique_ptr<Stream> stream) : stream_(std::move(stream)) {}
    IoResult try_read(std::span<std::byte> buffer) override { return stream_->try_read(buffer); }
    IoResult try_write(std::span<const ConstBuffer> buffers) override {
        ++writes;
        return stream_->try_write(buffers);
    }
    Readiness& read_readiness() override { return stream_->read_readiness(); }
    Readiness& write_readiness() override { return stream_->write_readiness(); }
    void shutdown_write() override { stream_->shutdown_write(); }
    void close() noexcept override { stream_->close(); }
    [[nodiscard]] std::string peer() const override { return stream_->peer(); }

    int writes = 0;

private:
    std::unique_ptr<Stream> stream_;
};

CO_TEST(TlsStream, small_buffers_share_a_record) {
    auto pair = memory_stream_pair();
    auto tap = std::make_unique<Tap>(std::move(pair.first));
    Tap& seen = *tap;
    auto tls = co_await tls_over(StreamPair(std::move(tap), std::move(pair.second)), client_context(),
                                 server_context());
    seen.writes = 0;
    const std::string a(10, 'a');
    const std::string b(5000, 'b');
    const std::vector<ConstBuffer> buffers{{a.data(), a.size()}, {b.data(), b.size()}, {a.data(), a.size()}};
    const IoResult result = tls.client->try_write(buffers);
    EXPECT_EQ(result.bytes, 5020u);
    EXPECT_EQ(seen.writes, 1);
    std::string text(5020, '\0');
    co_await tls.server->read_exactly(std::as_writable_bytes(std::span(text)));
    EXPECT_EQ(text, a + b + a);
}

CO_TEST(TlsStream, a_peer_that_vanishes_without_close_notify_is_an_error_unless_allowed) {
    for (const bool accepted : {false, true}) {
        auto pair = memory_stream_pair();
        Stream& underneath = *pair.second;
        auto tls = co_await tls_over(std::move(pair), client_context().accept_truncation(accepted),
                                     server_context());
        co_await tls.server->write_all("half");
        underneath.close();
        std::string got;
        std::string failure;
        try {
            got = co_await read_to_end(*tls.client);
        } catch (const TlsError& e) {
            EXPECT_EQ(e.kind(), TlsError::Kind::truncated);
            failure = e.what();
        }
        EXPECT_EQ(got, accepted ? "half" : "");
        EXPECT_EQ(failure.empty(), accepted) << failure;
        EXPECT_TRUE(accepted || failure.find("bytes may be missing") != std::string::npos) << failure;
    }
}

CO_TEST(TlsStream, damaged_records_are_a_protocol_error_and_stay_one) {
    auto pair = memory_stream_pair();
    Stream& underneath = *pair.second;
    auto tls = co_await tls_over(std::move(pair), client_context(), server_context());
    std::string damaged("\x17\x03\x03\x00\x20", 5);
    damaged += std::string(32, 'x');
    co_await underneath.write_all(damaged);
    std::byte buffer[16];
    for (int i = 0; i < 2; ++i) {
        bool refused = false;
        try {
            co_await tls.client->read_some(buffer);
        } catch (const TlsError& e) {
            refused = e.kind() == TlsError::Kind::protocol;
        }
        EXPECT_TRUE(refused);
    }
    EXPECT_THROW((void)tls.client->try_write(std::vector<ConstBuffer>{{"x", 1}}), TlsError);
}

CO_TEST(TlsStream, what_was_written_before_close_arrives_even_when_there_was_no_room) {
    MemoryStreamOptions options;
    options.capacity = 1000;
    auto tls = co_await tls_over(memory_stream_pair(options), client_context(), server_context());
    const std::string text(10'000, 'x');
    const ConstBuffer buffer{text.data(), text.size()};
    const IoResult result = tls.client->try_write({&buffer, 1});
    EXPECT_EQ(result.bytes, text.size()) << "one record, taken as a whole";
    tls.client.reset();
    const std::string got = co_await read_to_end(*tls.server);
    EXPECT_TRUE(got == text) << got.size();
}

CO_TEST_MANUAL(TlsStream, a_closed_stream_whose_peer_never_reads_is_given_up) {
    MemoryStreamOptions options;
    options.capacity = 1000;
    auto pair = memory_stream_pair(options);
    Stream& underneath = *pair.second;
    auto tls = co_await tls_over(std::move(pair), client_context(), server_context());
    const std::string text(10'000, 'x');
    const ConstBuffer buffer{text.data(), text.size()};
    (void)tls.client->try_write({&buffer, 1});
    tls.client.reset();
    co_await sleep(9s);
    EXPECT_NO_THROW((void)underneath.try_write(std::vector<ConstBuffer>{{"x", 1}}));
    co_await sleep(2s);
    EXPECT_THROW((void)underneath.try_write(std::vector<ConstBuffer>{{"x", 1}}), SystemError);
}

CO_TEST(TlsStream, a_client_that_only_writes_over_tcp_loses_nothing) {
    Listener listener(SocketAddress::loopback(0));
    for (int i = 0; i < 20; ++i) {
        auto raw = co_await connect(listener.local_address());
        auto accepted = co_await listener.accept();
        auto tls = co_await tls_over(StreamPair(std::move(raw), std::move(accepted)), client_context(),
                                     server_context());
        const std::string text(1000, 'y');
        co_await tls.client->write_all(text);
        tls.client.reset();
        const std::string got = co_await read_to_end(*tls.server);
        EXPECT_TRUE(got == text) << got.size();
    }
}

Task<void> echo(Connection& connection) {
    for (;;) {
        auto line = co_await connection.reader.read_line();
        if (!line) co_return;
        connection.writer.write(*line + "\n");
        co_await connection.writer.drain();
    }
}

CO_TEST(TlsServer, start_server_and_open_connection_take_a_context) {
    std::string failed;
    auto server = start_server(
        echo, SocketAddress::loopback(0),
        ServerOptions().tls(server_context()).on_error([&](const std::string&, std::exception_ptr e) {
            try {
                std::rethrow_exception(e);
            } catch (const std::exception& error) {
                failed = error.what();
            }
        }));
    auto connection = co_await open_connection("127.0.0.1", server.port(), client_context());
    connection.writer.write("hello\n");
    const auto line = co_await connection.reader.read_line();
    EXPECT_EQ(line, "hello");
    connection.writer.close();
    co_await connection.writer.wait_closed();

    bool refused = false;
    try {
        auto other = co_await open_connection("127.0.0.1", server.port(), TlsContext::client());
    } catch (const TlsError& e) {
        refused = e.kind() == TlsError::Kind::verification;
    }
    EXPECT_TRUE(refused);
    co_await server.drain();
    EXPECT_NE(failed.find("unknown CA"), std::string::npos) << failed;
}

// One context for several threads, its certificate replaced meanwhile.
TEST(TlsContextThreads, loops_share_a_context) {
    TlsContext server = server_context();
    const TlsContext client = client_context();
    const TlsIdentity other = identity_for("sw1.test");
    const auto main = [&](unsigned index) -> Task<void> {
        for (int i = 0; i < 10; ++i) {
            auto tls = co_await tls_over(memory_stream_pair(), client, server);
            if (index == 0) server.replace_identity(other);
            co_await tls.client->write_all("x");
            std::byte byte{};
            co_await tls.server->read_exactly(std::span(&byte, 1));
        }
    };
    EXPECT_EQ(weft::run(main, RunOptions().loops(3)), 0);
}

}  // namespace
}  // namespace weft::testing
