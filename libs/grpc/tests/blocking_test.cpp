// Blocking handlers on a pool, over the in-process channel's and a real connection.
#include "echo_service.hpp"

#include <weft/grpc/blocking.hpp>
#include <weft/testing/co_test.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

namespace weft::test {
namespace {

using namespace std::chrono_literals;
using grpc::CallOptions;
using grpc::StatusCode;

class BlockingEcho final : public Echo::Service {
public:
    explicit BlockingEcho(ThreadPool& pool) : pool_(pool) {}

    Task<EchoReply> Say(grpc::ServerContext& context, EchoRequest request) override {
        return grpc::run_blocking(pool_, context, [request, this](grpc::BlockingContext& own) {
            if (request.text() == "wait") {
                while (!own.cancelled()) std::this_thread::sleep_for(1ms);
                saw_end = true;
            }
            if (request.fail_code() != 0) own.abort(static_cast<StatusCode>(request.fail_code()), "as asked");
            if (request.text() == "throw") throw std::runtime_error("a secret of the server");
            own.set_trailing_metadata(grpc::Metadata{{"x-method", own.method()}});
            EchoReply reply;
            reply.set_text(request.text() + (std::this_thread::get_id() == loop_thread ? " loop" : " pool"));
            return reply;
        });
    }
    Task<void> List(grpc::ServerContext& context, EchoRequest request,
                    grpc::ServerWriter<EchoReply>& responses) override {
        return grpc::run_blocking(pool_, context, responses,
                                  [request](grpc::BlockingContext&, grpc::BlockingWriter<EchoReply>& out) {
                                      EchoReply reply;
                                      for (int i = 0; i < request.count(); ++i) {
                                          reply.set_number(i);
                                          out.write(reply);
                                      }
                                  });
    }
    Task<EchoReply> Sum(grpc::ServerContext& context, grpc::ServerReader<EchoRequest>& requests) override {
        return grpc::run_blocking(pool_, context, requests,
                                  [](grpc::BlockingContext&, grpc::BlockingReader<EchoRequest>& in) {
                                      EchoReply reply;
                                      while (const auto request = in.read())
                                          reply.set_number(reply.number() + request->count());
                                      return reply;
                                  });
    }
    Task<void> Chat(grpc::ServerContext& context,
                    grpc::ServerReaderWriter<EchoRequest, EchoReply>& stream) override {
        return grpc::run_blocking(
            pool_, context, stream,
            [this](grpc::BlockingContext& own, grpc::BlockingReaderWriter<EchoRequest, EchoReply>& both) {
                own.send_initial_metadata(grpc::Metadata{{"x-early", "yes"}});
                try {
                    while (const auto request = both.read()) {
                        EchoReply reply;
                        reply.set_number(request->count());
                        both.write(reply);
                    }
                } catch (const Cancelled&) {
                    saw_end = true;
                    throw;
                }
            });
    }

    std::thread::id loop_thread = std::this_thread::get_id();
    std::atomic<bool> saw_end = false;

private:
    ThreadPool& pool_;
};

struct Fixture {
    Fixture() {
        server.add_service(service);
        const int port = server.add_insecure_port("127.0.0.1:0");
        channel =
            std::make_unique<grpc::Channel>(grpc::insecure_channel("127.0.0.1:" + std::to_string(port)));
        stub = std::make_unique<Echo::Stub>(*channel);
    }
    Task<void> close() {
        co_await channel->close();
        co_await server.stop();
    }
    Task<void> wait_for_end() {
        while (!service.saw_end) co_await sleep(1ms);
    }
    ThreadPool pool{2};
    BlockingEcho service{pool};
    grpc::Server server;
    std::unique_ptr<grpc::Channel> channel;
    std::unique_ptr<Echo::Stub> stub;
};

CO_TEST(BlockingHandler, answers_from_a_thread_of_the_pool) {
    Fixture fixture;
    co_await fixture.server.start();
    auto call = fixture.stub->Say(request_of("hello"));
    const EchoReply reply = co_await call;
    EXPECT_EQ(reply.text(), "hello pool");
    const auto& trailing = co_await call.trailing_metadata();
    EXPECT_EQ(trailing.get("x-method"), "/weft.test.Echo/Say");
    auto refused = fixture.stub->Say(request_of("x", 0, 5));
    const grpc::Status& status = co_await refused.status();
    EXPECT_EQ(status.code(), StatusCode::not_found);
    EXPECT_EQ(status.details(), "as asked");
    auto failed = fixture.stub->Say(request_of("throw"));
    const grpc::Status& unknown = co_await failed.status();
    EXPECT_EQ(unknown.code(), StatusCode::unknown);
    EXPECT_EQ(unknown.details().find("secret"), std::string::npos);
    co_await fixture.close();
}

CO_TEST(BlockingHandler, reads_and_writes_streams) {
    Fixture fixture;
    co_await fixture.server.start();
    auto list = fixture.stub->List(request_of("x", 200));
    int got = 0;
    for (;;) {
        auto reply = co_await list.read();
        if (!reply) break;
        EXPECT_EQ(reply->number(), got++);
    }
    EXPECT_EQ(got, 200);
    auto sum = fixture.stub->Sum();
    for (int i = 1; i <= 100; ++i) {
        const EchoRequest request = request_of("x", i);
        co_await sum.write(request);
    }
    sum.done_writing();
    const EchoReply total = co_await sum;
    EXPECT_EQ(total.number(), 5050);
    auto chat = fixture.stub->Chat();
    const auto& initial = co_await chat.initial_metadata();
    EXPECT_EQ(initial.get("x-early"), "yes");
    for (int i = 0; i < 50; ++i) {
        const EchoRequest request = request_of("x", i);
        co_await chat.write(request);
        const auto reply = co_await chat.read();
        EXPECT_EQ(reply->number(), i);
    }
    chat.done_writing();
    const auto end = co_await chat.read();
    EXPECT_FALSE(end.has_value());
    co_await fixture.close();
}

CO_TEST(BlockingHandler, learns_that_its_client_is_gone) {
    Fixture fixture;
    co_await fixture.server.start();
    auto call = fixture.stub->Say(request_of("wait"), CallOptions().timeout(30ms));
    const StatusCode code = co_await call.code();
    EXPECT_EQ(code, StatusCode::deadline_exceeded);
    co_await fixture.wait_for_end();
    fixture.service.saw_end = false;
    {
        auto chat = fixture.stub->Chat();
        const EchoRequest request = request_of("x");
        co_await chat.write(request);
        const auto reply = co_await chat.read();
        EXPECT_TRUE(reply.has_value());
    }  // dropped while the thread waits in read()
    co_await fixture.wait_for_end();
    co_await fixture.close();
}

CO_TEST(BlockingHandler, ends_with_the_server) {
    auto fixture = std::make_unique<Fixture>();
    co_await fixture->server.start();
    auto chat = fixture->stub->Chat();
    const auto& initial = co_await chat.initial_metadata();
    EXPECT_EQ(initial.get("x-early"), "yes");
    co_await fixture->server.stop();
    co_await fixture->wait_for_end();
    const StatusCode code = co_await chat.code();
    EXPECT_EQ(code, StatusCode::unavailable);
    co_await fixture->channel->close();
}

}  // namespace
}  // namespace weft::test
