// A client's and a server's session on both ends of a memory stream, with reads cut to pieces.
#include <weft/core.hpp>
#include <weft/http2/session.hpp>
#include <weft/testing/co_test.hpp>
#include <weft/testing/memory_stream.hpp>

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

namespace weft::http2 {
namespace {

using namespace std::chrono_literals;

std::string text(std::span<const std::byte> bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// Collects what happens to a stream.
class Recorder : public Exchange {
public:
    std::vector<std::pair<std::string, std::string>> fields;
    std::string body;
    bool oversized = false;
    bool remote_end = false;
    bool writable = false;
    std::vector<CloseReason> closed;
    std::string close_text;
    Event changed;
    bool release = true;

    void on_headers(HeaderBlock block, bool, bool too_large) noexcept override {
        for (const auto& field : block) fields.emplace_back(field.name, field.value);
        oversized = oversized || too_large;
        changed.set();
    }
    void on_data(std::span<const std::byte> bytes) noexcept override {
        body += text(bytes);
        if (release) release_window(bytes.size());
        changed.set();
    }
    void on_remote_end() noexcept override {
        remote_end = true;
        changed.set();
    }
    void on_writable() noexcept override {
        writable = true;
        changed.set();
    }
    void on_closed(const CloseReason& reason) noexcept override {
        closed.push_back(reason);
        close_text = reason.text;
        changed.set();
    }
    void send(std::string_view bytes, bool end = true) {
        output().append(bytes);
        output_changed();
        if (end) end_output();
    }
    using Exchange::held_window;
    using Exchange::output_writable;
    using Exchange::release_window;
    using Exchange::reset;
    using Exchange::send_response;
};

// Answers each request with its body, and a trailer.
class Echo final : public Recorder {
public:
    void on_remote_end() noexcept override {
        Recorder::on_remote_end();
        if (silent) return;
        static constexpr HeaderField ok[] = {{":status", "200"}};
        send_response(ok, true);
        output().append(body);
        output_changed();
        end_output(true);
    }
    void on_trailers_due() noexcept override {
        static constexpr HeaderField trailers[] = {{"x-done", "yes"}};
        send_trailers(trailers);
    }
    bool silent = false;
};

class ServerSide final : public SessionHandler {
public:
    Exchange* on_request() override {
        if (refuse) return nullptr;
        exchanges.push_back(std::make_unique<Echo>());
        exchanges.back()->silent = silent;
        exchanges.back()->release = !hold;
        return exchanges.back().get();
    }
    std::vector<std::unique_ptr<Echo>> exchanges;
    bool refuse = false;
    bool silent = false;
    bool hold = false;
};

class ClientSide final : public SessionHandler {
public:
    void on_ready() noexcept override { ready.set(); }
    void on_draining(ErrorCode, std::string_view) noexcept override { draining.set(); }
    Event ready;
    Event draining;
};

constexpr HeaderField request_fields[] = {
    {":method", "POST"}, {":scheme", "http"}, {":path", "/x"}, {":authority", "test"}};

struct Pair {
    explicit Pair(std::size_t chunk = 0, SessionOptions options = {}) {
        testing::MemoryStreamOptions memory;
        memory.chunk = chunk;
        auto streams = testing::memory_stream_pair(memory);
        client = std::make_unique<Session>(std::move(streams.first), Role::client, client_side);
        server = std::make_unique<Session>(std::move(streams.second), Role::server, server_side, options);
        client_task = spawn(client->run());
        server_task = spawn(server->run());
    }
    Task<void> close() {
        client->shut_down();
        co_await client_task;
        co_await server_task;
    }
    ClientSide client_side;
    ServerSide server_side;
    std::unique_ptr<Session> client;
    std::unique_ptr<Session> server;
    TaskHandle<void> client_task;
    TaskHandle<void> server_task;
};

Task<void> until_closed(Recorder& recorder) {
    while (recorder.closed.empty()) {
        recorder.changed.clear();
        co_await recorder.changed.wait();
    }
}

class SessionChunks : public ::testing::TestWithParam<std::size_t> {};

TEST_P(SessionChunks, request_body_response_and_trailers_arrive_whole) {
    auto body = [chunk = GetParam()]() -> Task<void> {
        Pair pair(chunk);
        co_await pair.client_side.ready.wait();
        Recorder call;
        pair.client->start(call, request_fields, true);
        const std::string content(3000, 'b');
        call.send(content);
        co_await until_closed(call);
        EXPECT_EQ(call.body, content);
        EXPECT_EQ(call.fields.size(), 2U);
        EXPECT_EQ(call.fields[0].second, "200");
        EXPECT_EQ(call.fields[1].first, "x-done");
        EXPECT_TRUE(call.remote_end);
        EXPECT_EQ(call.closed[0].code, ErrorCode::no_error);
        EXPECT_EQ(pair.server_side.exchanges.size(), 1U);
        EXPECT_EQ(pair.client->open_streams(), 0U);
        co_await pair.close();
    };
    testing::run(body());
}
INSTANTIATE_TEST_SUITE_P(Pieces, SessionChunks, ::testing::Values(0, 1, 2, 7));

CO_TEST(Session, a_body_larger_than_every_window_passes) {
    SessionOptions small;
    small.stream_window = 65535;
    small.connection_window = 65535;
    Pair pair(0, small);
    co_await pair.client_side.ready.wait();
    Recorder call;
    pair.client->start(call, request_fields, true);
    const std::string content(3'000'000, 'w');
    call.send(content);
    co_await until_closed(call);
    EXPECT_EQ(call.body.size(), content.size());
    co_await pair.close();
}

CO_TEST(Session, unread_bytes_stop_the_sender_of_that_stream_only) {
    SessionOptions small;
    small.stream_window = 65535;
    Pair pair(0, small);
    co_await pair.client_side.ready.wait();
    pair.server_side.hold = true;
    Recorder stuck;
    pair.client->start(stuck, request_fields, true);
    stuck.send(std::string(500'000, 's'), false);
    while (pair.server_side.exchanges.empty() || pair.server_side.exchanges[0]->held_window() < 65535)
        co_await sleep(1ms);
    EXPECT_EQ(pair.server_side.exchanges[0]->body.size(), 65535U);
    EXPECT_FALSE(stuck.output_writable());
    pair.server_side.hold = false;
    Recorder other;
    pair.client->start(other, request_fields, true);
    other.send("small");
    co_await until_closed(other);
    EXPECT_EQ(other.body, "small");
    EXPECT_EQ(pair.server_side.exchanges[0]->body.size(), 65535U) << "the window was not given back";
    Echo& server_end = *pair.server_side.exchanges[0];
    server_end.release = true;
    server_end.release_window(server_end.held_window());
    while (!stuck.writable) co_await sleep(1ms);
    stuck.reset(ErrorCode::cancel);
    co_await until_closed(server_end);
    EXPECT_EQ(server_end.closed[0].code, ErrorCode::cancel);
    co_await pair.close();
}

CO_TEST(Session, reset_by_the_client_reaches_the_server) {
    Pair pair;
    co_await pair.client_side.ready.wait();
    pair.server_side.silent = true;
    auto call = std::make_unique<Recorder>();
    pair.client->start(*call, request_fields, true);
    call->send("x");
    while (pair.server_side.exchanges.empty()) co_await sleep(1ms);
    call.reset();  // dropping an open exchange resets it
    co_await until_closed(*pair.server_side.exchanges[0]);
    EXPECT_EQ(pair.server_side.exchanges[0]->closed[0].code, ErrorCode::cancel);
    co_await pair.close();
}

CO_TEST(Session, refused_stream_may_be_repeated) {
    Pair pair;
    co_await pair.client_side.ready.wait();
    pair.server_side.refuse = true;
    Recorder call;
    pair.client->start(call, request_fields, true);
    call.send("x");
    co_await until_closed(call);
    EXPECT_EQ(call.closed[0].code, ErrorCode::refused_stream);
    EXPECT_TRUE(call.closed[0].unprocessed);
    co_await pair.close();
}

CO_TEST(Session, lost_connection_ends_every_exchange) {
    Pair pair;
    co_await pair.client_side.ready.wait();
    pair.server_side.silent = true;
    Recorder first;
    Recorder second;
    pair.client->start(first, request_fields, true);
    pair.client->start(second, request_fields, true);
    while (pair.server_side.exchanges.size() < 2) co_await sleep(1ms);
    pair.server->abort();
    co_await until_closed(first);
    co_await until_closed(second);
    EXPECT_TRUE(first.closed[0].connection_lost);
    EXPECT_FALSE(first.close_text.empty());
    EXPECT_TRUE(pair.server_side.exchanges[0]->closed[0].connection_lost);
    co_await pair.client_task;
    EXPECT_TRUE(pair.client->ended());
    EXPECT_FALSE(pair.client->accepts_requests());
    EXPECT_THROW(pair.client->start(first, request_fields, true), Error);
}

CO_TEST(Session, server_that_shuts_down_finishes_what_runs) {
    Pair pair;
    co_await pair.client_side.ready.wait();
    Recorder call;
    pair.client->start(call, request_fields, true);
    call.send("half", false);
    while (pair.server_side.exchanges.empty()) co_await sleep(1ms);
    pair.server->shut_down();
    co_await pair.client_side.draining.wait();
    EXPECT_FALSE(pair.client->accepts_requests());
    call.send(" and half");
    co_await until_closed(call);
    EXPECT_EQ(call.body, "half and half");
    co_await pair.server_task;
    co_await pair.client_task;
}

CO_TEST(Session, ping_comes_back_and_fails_when_the_connection_goes) {
    Pair pair;
    co_await pair.client->ping();
    co_await pair.server->ping();
    co_await pair.close();
    bool thrown = false;
    try {
        co_await pair.client->ping();
    } catch (const ClosedError&) {
        thrown = true;
    }
    EXPECT_TRUE(thrown);
}

CO_TEST(Session, fields_over_the_limit_are_dropped_and_reported) {
    SessionOptions options;
    options.max_header_list_size = 1000;
    Pair pair(0, options);
    co_await pair.client_side.ready.wait();
    std::vector<HeaderField> fields(std::begin(request_fields), std::end(request_fields));
    const std::string big(2000, 'v');
    fields.push_back({"x-big", big});
    Recorder call;
    pair.client->start(call, fields, true);
    call.send("x");
    co_await until_closed(call);
    EXPECT_TRUE(pair.server_side.exchanges[0]->oversized);
    co_await pair.close();
}

CO_TEST(Session, bytes_that_are_not_http2_end_it_with_a_reason) {
    auto streams = testing::memory_stream_pair();
    ServerSide side;
    Session server(std::move(streams.second), Role::server, side);
    auto task = spawn(server.run());
    co_await streams.first->write_all("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    streams.first->shutdown_write();
    co_await task;
    EXPECT_TRUE(server.ended());
    EXPECT_NE(server.end_text().find("HTTP/2"), std::string::npos) << server.end_text();
}

// Counts the writes of its owner.
class CountedStream final : public Stream {
public:
    CountedStream(std::unique_ptr<Stream> inner, int& writes) noexcept
        : inner_(std::move(inner)), writes_(writes) {}
    IoResult try_read(std::span<std::byte> buffer) override { return inner_->try_read(buffer); }
    IoResult try_write(std::span<const ConstBuffer> buffers) override {
        ++writes_;
        return inner_->try_write(buffers);
    }
    Readiness& read_readiness() override { return inner_->read_readiness(); }
    Readiness& write_readiness() override { return inner_->write_readiness(); }
    void shutdown_write() override { inner_->shutdown_write(); }
    void close() noexcept override { inner_->close(); }
    [[nodiscard]] std::string peer() const override { return inner_->peer(); }

private:
    std::unique_ptr<Stream> inner_;
    int& writes_;
};

// The server works on the first of them while the client makes the rest.
CO_TEST(Session, many_requests_of_a_turn_leave_in_a_few_writes) {
    auto streams = testing::memory_stream_pair();
    int writes = 0;
    ClientSide client_side;
    ServerSide server_side;
    Session client(std::make_unique<CountedStream>(std::move(streams.first), writes), Role::client,
                   client_side);
    Session server(std::move(streams.second), Role::server, server_side);
    auto client_task = spawn(client.run());
    auto server_task = spawn(server.run());
    co_await client_side.ready.wait();
    co_await sleep(1ms);
    const int before = writes;
    std::vector<Recorder> calls(99);
    for (Recorder& call : calls) {
        client.start(call, request_fields, true);
        call.send("a request");
    }
    EXPECT_EQ(writes - before, 3);
    for (Recorder& call : calls) {
        co_await until_closed(call);
        EXPECT_EQ(call.body, "a request");
    }
    client.shut_down();
    co_await client_task;
    co_await server_task;
}

// A call that is closed with the session must not be sent on it again.
CO_TEST(Session, takes_no_requests_after_its_peer_broke_the_protocol) {
    auto streams = testing::memory_stream_pair();
    ClientSide side;
    Session client(std::move(streams.first), Role::client, side);
    auto task = spawn(client.run());
    class Again final : public Recorder {
    public:
        explicit Again(Session& session) noexcept : session_(session) {}
        void on_closed(const CloseReason& reason) noexcept override {
            accepted = session_.accepts_requests();
            Recorder::on_closed(reason);
        }
        bool accepted = true;

    private:
        Session& session_;
    } call(client);
    client.start(call, request_fields, false);
    const std::string settings("\0\0\0\4\0\0\0\0\0", 9);
    const std::string headers_of_an_idle_stream("\0\0\1\1\4\0\0\0\7\x88", 10);
    co_await streams.second->write_all(settings + headers_of_an_idle_stream);
    co_await until_closed(call);
    EXPECT_FALSE(call.accepted);
    streams.second->close();
    co_await task;
}

CO_TEST(Session, cancelling_run_closes_at_once) {
    Pair pair;
    co_await pair.client_side.ready.wait();
    pair.client_task.cancel();
    bool cancelled = false;
    try {
        co_await pair.client_task;
    } catch (const Cancelled&) {
        cancelled = true;
    }
    EXPECT_TRUE(cancelled);
    EXPECT_TRUE(pair.client->ended());
    co_await pair.server_task;
}

CO_TEST(Session, flood_of_pings_from_a_peer_that_never_reads_ends_it) {
    auto streams = testing::memory_stream_pair();
    ServerSide side;
    Session server(std::move(streams.second), Role::server, side);
    auto task = spawn(server.run());
    std::string flood = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    flood += std::string("\0\0\0\4\0\0\0\0\0", 9);
    for (int i = 0; i < 200'000; ++i) flood += std::string("\0\0\10\6\0\0\0\0\0\0\0\0\0\0\0\0\0", 17);
    bool written = true;
    try {
        co_await timeout(5s, streams.first->write_all(flood));
    } catch (const weft::Error&) {
        written = false;  // it may close while we still write
    }
    streams.first->close();
    co_await task;
    EXPECT_NE(server.end_text().find("looding"), std::string::npos) << server.end_text() << written;
}

}  // namespace
}  // namespace weft::http2
