// gRPC without coroutines: blocking clients, and servers on threads of their own that are driven by blocking
// calls, too.
#include "echo_service.hpp"

#include <weft/grpc/client_interceptor.hpp>
#include <weft/grpc/introspection.hpp>
#include <weft/grpc/sync.hpp>
#include <weft/grpc/sync_server.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <string>
#include <thread>
#include <vector>

namespace weft::test {
namespace {

using namespace std::chrono_literals;
using grpc::CallOptions;
using grpc::ChannelConnectivity;
using grpc::ChannelOptions;
using grpc::RpcError;
using grpc::StatusCode;

// EchoService, which also tells other threads what has arrived.
class TellingService final : public Echo::Service {
public:
    Task<EchoReply> Say(grpc::ServerContext& context, EchoRequest request) override {
        return echo_.Say(context, std::move(request));
    }
    Task<void> List(grpc::ServerContext& context, EchoRequest request,
                    grpc::ServerWriter<EchoReply>& responses) override {
        return echo_.List(context, std::move(request), responses);
    }
    Task<EchoReply> Sum(grpc::ServerContext& context, grpc::ServerReader<EchoRequest>& requests) override {
        peer = context.peer();
        EchoReply reply;
        try {
            for (;;) {
                auto request = co_await requests.read();
                if (!request) break;
                reply.set_number(reply.number() + request->count());
                bytes += request->text().size();
                ++arrived;
            }
        } catch (const Cancelled&) {
            ++cancelled;
            throw;
        }
        ++ended;
        co_return reply;
    }
    Task<void> Chat(grpc::ServerContext& context,
                    grpc::ServerReaderWriter<EchoRequest, EchoReply>& stream) override {
        std::this_thread::sleep_for(block_for.load());
        return echo_.Chat(context, stream);
    }

    std::atomic<int> arrived = 0;
    std::atomic<int> ended = 0;
    std::atomic<int> cancelled = 0;
    std::atomic<std::size_t> bytes = 0;
    std::atomic<std::chrono::milliseconds> block_for = 0ms;
    std::string peer;

private:
    EchoService echo_;
};

// A sync::Server on a thread of its own.
class Served {
public:
    explicit Served(int port = 0) {
        std::promise<void> started;
        thread_ = std::thread([this, port, &started] {
            grpc::sync::Server server;
            server.add_service(service);
            port_ = server.add_insecure_port("127.0.0.1:" + std::to_string(port));
            server.start();
            server_ = &server;
            started.set_value();
            server.wait_for_termination();
            seen = server.active_calls();
        });
        started.get_future().wait();
    }
    ~Served() {
        server_->request_stop();
        thread_.join();
    }
    [[nodiscard]] int port() const { return port_; }
    [[nodiscard]] std::string target() const { return "127.0.0.1:" + std::to_string(port_); }

    TellingService service;
    std::size_t seen = 0;

private:
    int port_ = 0;
    grpc::sync::Server* server_ = nullptr;
    std::thread thread_;
};

// What another thread sees, without driving this thread's loop.
template <class F>
bool comes_true(F condition) {
    const auto end = std::chrono::steady_clock::now() + 10s;
    while (!condition()) {
        if (std::chrono::steady_clock::now() > end) return false;
        std::this_thread::sleep_for(1ms);
    }
    return true;
}

TEST(Sync, unary_call_gives_the_response) {
    Served served;
    auto channel = grpc::sync::insecure_channel(served.target());
    Echo::SyncStub stub(channel);
    EXPECT_EQ(stub.Say(request_of("weft")).result().text(), "weft");
    auto call = stub.Say(request_of("again"), CallOptions().timeout(10s));
    EXPECT_GT(call.time_remaining(), 0s);
    call.wait_for_connection();
    EXPECT_EQ(call.peer(), "ipv4:" + served.target());
    EXPECT_EQ(call.result().text(), "again");
    EXPECT_EQ(call.result().text(), "again") << "may be asked again";
    EXPECT_TRUE(call.done());
    EXPECT_EQ(call.code(), StatusCode::ok);
    channel.close();
    EXPECT_EQ(stub.Say(request_of("late")).code(), StatusCode::cancelled);
}

TEST(Sync, carries_metadata_both_ways) {
    Served served;
    auto channel = grpc::sync::insecure_channel(served.target());
    Echo::SyncStub stub(channel);
    grpc::Metadata metadata;
    metadata.add("x-initial", "there").add("x-trailing-bin", std::string("\0\xff", 2));
    auto call = stub.Say(request_of("m"), CallOptions().metadata(std::move(metadata)));
    EXPECT_EQ(call.initial_metadata().get("x-initial-back"), "there");
    EXPECT_EQ(call.trailing_metadata().get("x-trailing-back-bin"), std::string_view("\0\xff", 2));
}

TEST(Sync, errors_are_thrown_where_a_result_was_wanted) {
    Served served;
    auto channel = grpc::sync::insecure_channel(served.target());
    Echo::SyncStub stub(channel);
    auto call = stub.Say(request_of("no such thing", 0, 5));
    EXPECT_EQ(call.code(), StatusCode::not_found);
    EXPECT_EQ(call.details(), "no such thing");
    EXPECT_THROW((void)call.result(), RpcError);
    EXPECT_EQ(stub.Say(request_of("slow", 0, 0, 5000), CallOptions().timeout(20ms)).code(),
              StatusCode::deadline_exceeded);
    std::vector<std::int64_t> numbers;
    try {
        for (const EchoReply& reply : stub.List(request_of("n", 3, 10))) numbers.push_back(reply.number());
        ADD_FAILURE() << "the end was not OK";
    } catch (const RpcError& error) {
        EXPECT_EQ(error.code(), StatusCode::aborted);
    }
    EXPECT_EQ(numbers, (std::vector<std::int64_t>{0, 1, 2})) << "what came before the end is delivered";
}

TEST(Sync, streams_are_read_and_written) {
    Served served;
    auto channel = grpc::sync::insecure_channel(served.target());
    Echo::SyncStub stub(channel);

    int count = 0;
    for (const EchoReply& reply : stub.List(request_of("item", 1000)))
        count += reply.number() == count ? 1 : 0;
    EXPECT_EQ(count, 1000);

    auto sum = stub.Sum();
    for (int i = 1; i <= 10; ++i) sum.write(request_of("", i));
    sum.done_writing();
    EXPECT_EQ(sum.result().number(), 55);
    EXPECT_THROW(sum.write(request_of("")), Error);

    auto chat = stub.Chat();
    for (int i = 0; i < 10; ++i) {
        chat.write(request_of("ping", i));
        const auto reply = chat.read();
        ASSERT_TRUE(reply);
        EXPECT_EQ(reply->number(), i);
    }
    chat.done_writing();
    EXPECT_FALSE(chat.read());
    EXPECT_EQ(chat.code(), StatusCode::ok);
}

TEST(Sync, what_was_written_arrives_while_nobody_drives_the_loop) {
    Served served;
    auto channel = grpc::sync::insecure_channel(served.target());
    Echo::SyncStub stub(channel);
    auto call = stub.Sum();
    call.write(request_of("first", 1));
    EXPECT_TRUE(comes_true([&] { return served.service.arrived == 1; })) << "on a new connection";
    // Larger than the windows, so it leaves only as the server reads.
    call.write(request_of(std::string(3'000'000, 'x'), 1));
    EXPECT_TRUE(comes_true([&] { return served.service.bytes == 3'000'005; }));
    call.done_writing();
    EXPECT_TRUE(comes_true([&] { return served.service.ended == 1; })) << "the server learns of the end";
    EXPECT_EQ(call.result().number(), 2);
}

TEST(Sync, done_writing_alone_reaches_the_server) {
    Served served;
    auto channel = grpc::sync::insecure_channel(served.target());
    auto call = Echo::SyncStub(channel).Sum();
    call.done_writing();
    EXPECT_TRUE(comes_true([&] { return served.service.ended == 1; }));
    call.done_writing();
    EXPECT_EQ(call.result().number(), 0);
    call.done_writing();
}

TEST(Sync, writing_ends_with_the_call) {
    Served served;
    auto channel = grpc::sync::insecure_channel(served.target());
    Echo::SyncStub stub(channel);
    auto call = stub.Chat(CallOptions().timeout(10s));
    call.write(request_of("no", 0, 3));
    EXPECT_EQ(call.code(), StatusCode::invalid_argument);
    EXPECT_THROW(call.write(request_of("more")), RpcError);
    call.done_writing();

    auto nobody = grpc::sync::insecure_channel("127.0.0.1:1");
    auto failing = Echo::SyncStub(nobody).Sum();
    failing.done_writing();
    EXPECT_EQ(failing.code(), StatusCode::unavailable);
}

TEST(Sync, interceptors_do_not_keep_messages_back) {
    class Pass final : public grpc::ClientInterceptor {
        Task<Pimpl<grpc::RawCall>> intercept(grpc::CallDetails details, std::optional<std::string> request,
                                             grpc::ClientContinuation& next) override {
            return next(std::move(details), std::move(request));
        }
    };
    Served served;
    Pass pass;
    auto channel = grpc::sync::insecure_channel(served.target(), ChannelOptions().interceptor(pass));
    auto call = Echo::SyncStub(channel).Sum();
    call.write(request_of("first", 1));
    EXPECT_TRUE(comes_true([&] { return served.service.arrived == 1; }));
    call.done_writing();
    EXPECT_TRUE(comes_true([&] { return served.service.ended == 1; }));
    EXPECT_EQ(call.result().number(), 1);
}

TEST(Sync, dropped_and_cancelled_calls_end_at_the_server) {
    Served served;
    auto channel = grpc::sync::insecure_channel(served.target());
    Echo::SyncStub stub(channel);
    {
        auto call = stub.Sum();
        call.write(request_of(""));
        ASSERT_TRUE(comes_true([&] { return served.service.arrived == 1; }));
    }
    EXPECT_TRUE(comes_true([&] { return served.service.cancelled == 1; })) << "dropped";
    auto call = stub.Sum();
    call.write(request_of(""));
    ASSERT_TRUE(comes_true([&] { return served.service.arrived == 2; }));
    EXPECT_TRUE(call.cancel());
    EXPECT_FALSE(call.cancel());
    EXPECT_TRUE(call.cancelled());
    EXPECT_EQ(call.code(), StatusCode::cancelled);
    EXPECT_TRUE(comes_true([&] { return served.service.cancelled == 2; })) << "cancelled";
    auto replaced = stub.Sum();
    replaced.write(request_of(""));
    ASSERT_TRUE(comes_true([&] { return served.service.arrived == 3; }));
    replaced = stub.Sum();
    EXPECT_TRUE(comes_true([&] { return served.service.cancelled == 3; })) << "assigned over";
    replaced.done_writing();
    EXPECT_EQ(replaced.result().number(), 0);
}

TEST(Sync, done_callbacks_run_inside_of_a_blocking_member) {
    Served served;
    auto channel = grpc::sync::insecure_channel(served.target());
    auto call = Echo::SyncStub(channel).Say(request_of("x", 0, 7));
    StatusCode seen = StatusCode::ok;
    call.add_done_callback([&seen](const grpc::Status& status) { seen = status.code(); });
    EXPECT_EQ(call.code(), StatusCode::permission_denied);
    for (int i = 0; i < 10 && seen == StatusCode::ok; ++i) (void)call.done();
    EXPECT_EQ(seen, StatusCode::permission_denied);
}

TEST(Sync, raw_multicallables_move_bytes) {
    Served served;
    const auto channel = grpc::sync::insecure_channel(served.target());
    const auto say = channel.unary_unary("/weft.test.Echo/Say");
    EchoReply reply;
    ASSERT_TRUE(reply.ParseFromString(say(request_of("bytes").SerializeAsString()).result()));
    EXPECT_EQ(reply.text(), "bytes");
    const auto list = channel.unary_stream<EchoRequest, EchoReply>("/weft.test.Echo/List");
    int count = 0;
    for (const auto& each : list(request_of("typed", 5))) count += each.text() == "typed" ? 1 : 0;
    EXPECT_EQ(count, 5);
    auto sum = channel.stream_unary("/weft.test.Echo/Sum")();
    sum.write(request_of("", 4).SerializeAsString());
    sum.done_writing();
    ASSERT_TRUE(reply.ParseFromString(sum.result()));
    EXPECT_EQ(reply.number(), 4);
    auto chat = channel.stream_stream<EchoRequest, EchoReply>("/weft.test.Echo/Chat")();
    chat.write(request_of("both"));
    EXPECT_EQ(chat.read().value().text(), "both");
}

TEST(Sync, each_thread_has_a_connection_of_its_own) {
    Served served;
    auto channel = grpc::sync::insecure_channel(served.target());
    Echo::SyncStub stub(channel);
    std::atomic<int> right = 0;
    std::vector<std::string> peers;
    std::mutex lock;
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t)
        threads.emplace_back([&, t] {
            for (int i = 0; i < 100; ++i) {
                const std::string text = std::to_string(t) + "/" + std::to_string(i);
                right += stub.Say(request_of(text)).result().text() == text ? 1 : 0;
            }
            const std::lock_guard guard(lock);
            auto sum = stub.Sum();
            sum.done_writing();
            (void)sum.result();
            peers.push_back(served.service.peer);
        });
    for (auto& thread : threads) thread.join();
    EXPECT_EQ(right, 400);
    std::sort(peers.begin(), peers.end());
    EXPECT_EQ(std::unique(peers.begin(), peers.end()) - peers.begin(), 4) << "4 threads, 4 connections";
    EXPECT_EQ(stub.Say(request_of("here")).result().text(), "here");
}

TEST(Sync, closing_is_seen_by_every_thread) {
    Served served;
    auto channel = grpc::sync::insecure_channel(served.target());
    Echo::SyncStub stub(channel);
    std::promise<void> connected;
    std::promise<void> closed;
    StatusCode after = StatusCode::ok;
    std::thread other([&] {
        (void)stub.Say(request_of("first")).result();
        connected.set_value();
        closed.get_future().wait();
        after = stub.Say(request_of("late")).code();
    });
    connected.get_future().wait();
    channel.close();
    closed.set_value();
    other.join();
    EXPECT_EQ(after, StatusCode::cancelled);
    EXPECT_EQ(channel.get_state(), ChannelConnectivity::shutdown);
}

TEST(Sync, a_server_that_went_away_between_calls_costs_no_call) {
    auto served = std::make_unique<Served>();
    auto channel = grpc::sync::insecure_channel(served->target());
    Echo::SyncStub stub(channel);
    EXPECT_EQ(stub.Say(request_of("one")).result().text(), "one");
    const int port = served->port();
    served.reset();
    served = std::make_unique<Served>(port);
    EXPECT_EQ(stub.Say(request_of("two"), CallOptions().timeout(10s)).result().text(), "two");
}

TEST(Sync, a_keepalive_answer_that_came_between_calls_counts) {
    Served served;
    auto channel = grpc::sync::insecure_channel(served.target(), ChannelOptions().keepalive(50ms, 100ms));
    Echo::SyncStub stub(channel);
    const auto connection = [&] {
        auto sum = stub.Sum();
        sum.done_writing();
        (void)sum.result();
        return served.service.peer;
    };
    const std::string before = connection();
    served.service.block_for = 300ms;
    // The server stands still: the PING is still on its way when this call ends.
    EXPECT_EQ(stub.Chat(CallOptions().timeout(120ms)).code(), StatusCode::deadline_exceeded);
    served.service.block_for = 0ms;
    std::this_thread::sleep_for(500ms);
    EXPECT_EQ(connection(), before);
}

TEST(Sync, states_can_be_waited_for) {
    auto channel = grpc::sync::insecure_channel("127.0.0.1:1");
    EXPECT_EQ(channel.get_state(), ChannelConnectivity::idle);
    EXPECT_THROW(channel.channel_ready(50ms), TimeoutError);
    EXPECT_NE(channel.last_connect_error(), "");
    Served served;
    auto good = grpc::sync::insecure_channel(served.target());
    for (auto state = good.get_state(true); state != ChannelConnectivity::ready; state = good.get_state())
        good.wait_for_state_change(state, 10s);
    good.channel_ready();
    EXPECT_EQ(good.target(), served.target());
    EXPECT_THROW((void)grpc::sync::insecure_channel("ipv4:nowhere"), UsageError);
}

TEST(Sync, a_blocking_call_inside_a_loop_is_a_usage_error) {
    Served served;
    auto channel = grpc::sync::insecure_channel(served.target());
    Echo::SyncStub stub(channel);
    const auto misuse = [](Echo::SyncStub& blocking) -> Task<void> {
        EXPECT_THROW((void)blocking.Say(request_of("x")), UsageError);
        co_return;
    };
    weft::run(misuse(stub));
}

TEST(Sync, one_thread_may_be_client_and_server) {
    TellingService service;
    grpc::sync::Server server;
    server.add_service(service);
    const int port = server.add_insecure_port("127.0.0.1:0");
    server.start();
    auto channel = grpc::sync::insecure_channel("127.0.0.1:" + std::to_string(port));
    EXPECT_EQ(Echo::SyncStub(channel).Say(request_of("self")).result().text(), "self");
    EXPECT_FALSE(server.wait_for_termination(10ms));
    EXPECT_EQ(server.services(), std::vector<std::string>{"weft.test.Echo"});
    channel.close();
    server.stop(1s);
    EXPECT_TRUE(server.wait_for_termination(10s));
}

TEST(SyncServer, a_handler_may_stop_it) {
    class Stopper final : public Echo::Service {
    public:
        explicit Stopper(grpc::sync::Server& server) : server_(server) {}
        Task<EchoReply> Say(grpc::ServerContext&, EchoRequest) override {
            server_.request_stop(10s);
            co_return EchoReply();
        }

    private:
        grpc::sync::Server& server_;
    };
    std::promise<int> port;
    std::thread thread([&port] {
        grpc::sync::Server server;
        Stopper stopper(server);
        server.add_service(stopper);
        const int chosen = server.add_insecure_port("127.0.0.1:0");
        server.start();
        port.set_value(chosen);
        server.wait_for_termination();
    });
    auto channel = grpc::sync::insecure_channel("127.0.0.1:" + std::to_string(port.get_future().get()));
    EXPECT_EQ(Echo::SyncStub(channel).Say(request_of("stop")).code(), StatusCode::ok);
    channel.close();
    thread.join();
}

TEST(SyncServer, may_die_with_a_stop_still_asked_for) {
    TellingService service;
    grpc::sync::Server server;
    server.add_service(service);
    (void)server.add_insecure_port("127.0.0.1:0");
    server.start();
    server.request_stop();
}

}  // namespace
}  // namespace weft::test
