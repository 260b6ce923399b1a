// Interceptors on both sides: they see, change, repeat, replace and refuse.
#include "echo_service.hpp"

#include <weft/grpc/client_interceptor.hpp>
#include <weft/grpc/server_interceptor.hpp>
#include <weft/testing/co_test.hpp>

#include <gtest/gtest.h>

#include <vector>

namespace weft::test {
namespace {

using namespace std::chrono_literals;
using grpc::CallDetails;
using grpc::CallOptions;
using grpc::ChannelOptions;
using grpc::ClientContinuation;
using grpc::RawCall;
using grpc::ServerOptions;
using grpc::StatusCode;
using RawCallPtr = Pimpl<RawCall>;
using Request = std::optional<std::string>;

std::string text_of(const std::string& reply) {
    EchoReply message;
    message.ParseFromString(reply);
    return message.text();
}

std::string reply_of(std::string text) {
    EchoReply message;
    message.set_text(std::move(text));
    return message.SerializeAsString();
}

// Notes what passes, and adds a header.
class Recorder final : public grpc::ClientInterceptor {
public:
    explicit Recorder(std::string name, std::vector<std::string>& log) : name_(std::move(name)), log_(log) {}

    class Wrapper final : public grpc::RawCallWrapper {
    public:
        Wrapper(RawCallPtr inner, Recorder& recorder)
            : RawCallWrapper(std::move(inner)), recorder_(recorder) {}
        Task<Request> read() override {
            auto message = co_await inner_->read();
            recorder_.log_.push_back(recorder_.name_ + (message ? " response " + text_of(*message) : " end"));
            co_return message;
        }
        Task<void> write(std::string message) override {
            recorder_.log_.push_back(recorder_.name_ + " request");
            co_await inner_->write(std::move(message));
        }
        Recorder& recorder_;
    };

    Task<RawCallPtr> intercept(CallDetails details, Request request, ClientContinuation& next) override {
        log_.push_back(name_ + " " + details.method);
        details.metadata.add("x-trailing-bin", name_);
        auto call = co_await next(std::move(details), std::move(request));
        co_return RawCallPtr(new Wrapper(std::move(call), *this));
    }

private:
    std::string name_;
    std::vector<std::string>& log_;
};

CO_TEST(ClientInterceptor, sees_headers_messages_and_end_in_order) {
    std::vector<std::string> log;
    Recorder outer("outer", log);
    Recorder inner("inner", log);
    EchoPair echo(ServerOptions(), ChannelOptions().interceptor(outer).interceptor(inner));
    co_await echo.start();
    auto call = echo.stub->Say(request_of("hi"));
    const EchoReply reply = co_await call;
    EXPECT_EQ(reply.text(), "hi");
    const grpc::Metadata& trailing = co_await call.trailing_metadata();
    EXPECT_EQ(trailing.get("x-trailing-back-bin"), "outer")
        << "what the interceptor added went to the server";
    EXPECT_EQ(log,
              (std::vector<std::string>{"outer /weft.test.Echo/Say", "inner /weft.test.Echo/Say",
                                        "inner response hi", "outer response hi", "inner end", "outer end"}));
    co_await echo.close();
}

CO_TEST(ClientInterceptor, carries_streams_both_ways) {
    std::vector<std::string> log;
    Recorder recorder("r", log);
    EchoPair echo(ServerOptions(), ChannelOptions().interceptor(recorder));
    co_await echo.start();
    auto call = echo.stub->Chat();
    for (int i = 0; i < 20; ++i) {
        co_await call.write(request_of("m", i));
        auto reply = co_await call.read();
        EXPECT_EQ(reply->number(), i);
    }
    call.done_writing();
    auto end = co_await call.read();
    EXPECT_FALSE(end);
    EXPECT_EQ(log.size(), 42U);
    auto list = echo.stub->List(request_of("many", 5000));
    int got = 0;
    for (;;) {
        auto reply = co_await list.read();
        if (!reply) break;
        ++got;
    }
    EXPECT_EQ(got, 5000);
    co_await echo.close();
}

CO_TEST(ClientInterceptor, errors_pass_with_their_metadata) {
    std::vector<std::string> log;
    Recorder recorder("r", log);
    EchoPair echo(ServerOptions(), ChannelOptions().interceptor(recorder));
    co_await echo.start();
    auto call = echo.stub->Say(request_of("no", 0, 5));
    const grpc::Status& status = co_await call.status();
    EXPECT_EQ(status.code(), StatusCode::not_found);
    EXPECT_EQ(status.details(), "no");
    EXPECT_EQ(status.details_bin(), "detail\x01\x02");
    co_await echo.close();
}

// Tries again until it works.
class Stubborn final : public grpc::ClientInterceptor {
public:
    Task<RawCallPtr> intercept(CallDetails details, Request request, ClientContinuation& next) override {
        for (;;) {
            ++attempts;
            auto call = co_await next(details, request);
            const grpc::CallEnd end = co_await call->end();
            if (end.status.ok() || attempts == 3) co_return call;
            if (attempts == 2) {
                EchoRequest changed;
                changed.set_text("third time lucky");
                request = changed.SerializeAsString();
            }
        }
    }
    int attempts = 0;
};

CO_TEST(ClientInterceptor, may_call_again_with_another_request) {
    Stubborn stubborn;
    EchoPair echo(ServerOptions(), ChannelOptions().interceptor(stubborn));
    co_await echo.start();
    const EchoReply reply = co_await echo.stub->Say(request_of("bad", 0, 14));
    EXPECT_EQ(reply.text(), "third time lucky");
    EXPECT_EQ(stubborn.attempts, 3);
    EXPECT_EQ(echo.service.calls, 3);
    co_await echo.close();
}

class Cache final : public grpc::ClientInterceptor {
public:
    Task<RawCallPtr> intercept(CallDetails details, Request request, ClientContinuation& next) override {
        if (details.method == "/weft.test.Echo/Sum")
            throw grpc::RpcError(StatusCode::permission_denied, "not you");
        if (details.method == "/weft.test.Echo/Chat") throw std::runtime_error("broken");
        if (details.method == "/weft.test.Echo/List")
            co_return co_await next(std::move(details), std::move(request));
        std::vector<std::string> responses{reply_of("from the cache")};
        co_return grpc::answered_call(std::move(responses));
    }
};

CO_TEST(ClientInterceptor, may_answer_or_refuse_without_a_server) {
    Cache cache;
    auto channel = grpc::insecure_channel("127.0.0.1:1", ChannelOptions().interceptor(cache));
    Echo::Stub stub(channel);
    const EchoReply reply = co_await stub.Say(request_of("x"));
    EXPECT_EQ(reply.text(), "from the cache");
    auto refused = stub.Sum();
    const grpc::Status& status = co_await refused.status();
    EXPECT_EQ(status.code(), StatusCode::permission_denied);
    auto broken = stub.Chat();
    const StatusCode code = co_await broken.code();
    EXPECT_EQ(code, StatusCode::internal);
    co_await channel.close();
}

CO_TEST(ClientInterceptor, cancelling_and_dropping_the_call_ends_the_real_one) {
    std::vector<std::string> log;
    Recorder recorder("r", log);
    EchoPair echo(ServerOptions(), ChannelOptions().interceptor(recorder));
    co_await echo.start();
    {
        auto call = echo.stub->List(request_of("x", 1000, 0, 10));
        auto first = co_await call.read();
        EXPECT_TRUE(first);
        EXPECT_TRUE(call.cancel());
        EXPECT_TRUE(call.cancelled());
        co_await echo.service.cancellation_seen.wait();
    }
    echo.service.cancellation_seen.clear();
    {
        auto call = echo.stub->List(request_of("x", 1000, 0, 10));
        auto first = co_await call.read();
        EXPECT_TRUE(first);
    }
    co_await echo.service.cancellation_seen.wait();
    auto late = echo.stub->Say(request_of("x", 0, 0, 60'000), CallOptions().timeout(30ms));
    const StatusCode code = co_await late.code();
    EXPECT_EQ(code, StatusCode::deadline_exceeded);
    co_await echo.close();
}

// The server's side.
class ServerRecorder final : public grpc::ServerInterceptor {
public:
    explicit ServerRecorder(std::vector<std::string>& log) : log_(log) {}
    Task<void> intercept(grpc::ServerContext& context, grpc::ServerContinuation& next) override {
        log_.push_back("begin " + std::string(context.method()));
        if (context.invocation_metadata().contains("x-refuse"))
            context.abort(StatusCode::unauthenticated, "who are you?");
        StatusCode code = StatusCode::ok;
        try {
            co_await next();
        } catch (const grpc::RpcError& error) {
            code = error.code();
        }
        log_.push_back("end " + std::string(grpc::to_string(code)));
        if (code != StatusCode::ok) context.abort(StatusCode::aborted, "as the interceptor says");
    }
    void on_request(grpc::ServerContext&, std::string& message) override {
        EchoRequest request;
        request.ParseFromString(message);
        log_.push_back("request " + request.text());
        request.set_text(request.text() + "!");
        message = request.SerializeAsString();
    }
    void on_response(grpc::ServerContext&, std::string& message) override {
        log_.push_back("response " + text_of(message));
        message = reply_of(text_of(message) + "?");
    }
    bool sees_messages() const noexcept override { return true; }

private:
    std::vector<std::string>& log_;
};

CO_TEST(ServerInterceptor, sees_and_changes_messages_and_status) {
    std::vector<std::string> log;
    ServerRecorder recorder(log);
    EchoPair echo(ServerOptions().interceptor(recorder));
    co_await echo.start();
    const EchoReply reply = co_await echo.stub->Say(request_of("hi"));
    EXPECT_EQ(reply.text(), "hi!?");
    auto chat = echo.stub->Chat();
    co_await chat.write(request_of("a"));
    auto answer = co_await chat.read();
    EXPECT_EQ(answer->text(), "a!?");
    chat.done_writing();
    const StatusCode ok = co_await chat.code();
    EXPECT_EQ(ok, StatusCode::ok);
    auto failing = echo.stub->Say(request_of("x", 0, 5));
    const grpc::Status& status = co_await failing.status();
    EXPECT_EQ(status.code(), StatusCode::aborted);
    EXPECT_EQ(status.details(), "as the interceptor says");
    EXPECT_EQ(log,
              (std::vector<std::string>{"begin /weft.test.Echo/Say", "request hi", "response hi!", "end OK",
                                        "begin /weft.test.Echo/Chat", "request a", "response a!", "end OK",
                                        "begin /weft.test.Echo/Say", "request x", "end NOT_FOUND"}));
    co_await echo.close();
}

CO_TEST(ServerInterceptor, refusing_keeps_the_handler_from_running) {
    std::vector<std::string> log;
    ServerRecorder recorder(log);
    EchoPair echo(ServerOptions().interceptor(recorder));
    co_await echo.start();
    auto call = echo.stub->Say(request_of("hi"), CallOptions().metadata(grpc::Metadata{{"x-refuse", "1"}}));
    const grpc::Status& status = co_await call.status();
    EXPECT_EQ(status.code(), StatusCode::unauthenticated);
    EXPECT_EQ(echo.service.calls, 0);
    co_await echo.close();
}

}  // namespace
}  // namespace weft::test
