// weft's blocking client against the servers of grpc++ and grpc.aio.
#include "peer.weft.hpp"
#include "peer_command.hpp"
#include "peer_process.hpp"

#include <weft/core.hpp>
#include <weft/core/sync_wait.hpp>
#include <weft/grpc/sync.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace interop {
namespace {

using namespace std::chrono_literals;
using weft::grpc::CallOptions;
using weft::grpc::RpcError;
using weft::grpc::StatusCode;
namespace sync = weft::grpc::sync;

class GrpcSyncInterop : public ::testing::TestWithParam<std::string> {
protected:
    GrpcSyncInterop()
        : server_(peer_command(GetParam(), {"server"})),
          channel_(
              sync::insecure_channel("127.0.0.1:" + weft::sync_wait(weft::timeout(60s, server_.read_line())),
                                     weft::grpc::ChannelOptions().max_receive_message_length(8 << 20))),
          stub_(channel_) {}

    static PeerRequest text_request(std::string text, int count = 0) {
        PeerRequest request;
        request.set_text(std::move(text));
        request.set_count(count);
        return request;
    }
    // A call that would never end fails instead.
    static CallOptions limited() { return CallOptions().timeout(60s); }

    PeerProcess server_;
    sync::Channel channel_;
    Peer::SyncStub stub_;
};

TEST_P(GrpcSyncInterop, the_four_kinds_of_calls) {
    EXPECT_EQ(stub_.Unary(text_request("hello"), limited()).result().text(), "hello");

    int got = 0;
    for (const PeerReply& reply : stub_.ServerStream(text_request("", 500), limited()))
        EXPECT_EQ(reply.number(), got++);
    EXPECT_EQ(got, 500);

    auto upload = stub_.ClientStream(limited());
    for (int i = 1; i <= 100; ++i) upload.write(text_request("x", i));
    upload.done_writing();
    const PeerReply sum = upload.result();
    EXPECT_EQ(sum.number(), 5050);
    EXPECT_EQ(sum.text().size(), 100U);

    auto both = stub_.Bidi(limited());
    for (int i = 0; i < 100; ++i) {
        both.write(text_request("", i));
        EXPECT_EQ(both.read().value().number(), i);
    }
    both.done_writing();
    EXPECT_FALSE(both.read().has_value());
    channel_.close();
}

TEST_P(GrpcSyncInterop, metadata_and_statuses) {
    const std::string binary("\x00\x01\xfe\xff", 4);
    weft::grpc::Metadata metadata;
    metadata.add("x-initial", "one value").add("x-trailing-bin", binary);
    auto call = stub_.Unary(text_request("m"), limited().metadata(std::move(metadata)));
    EXPECT_EQ(call.initial_metadata().get("x-initial"), "one value");
    EXPECT_EQ(call.trailing_metadata().get("x-trailing-bin"), binary);
    EXPECT_EQ(call.result().text(), "m");

    PeerRequest failing = text_request("no", 2);
    failing.set_fail_code(9);
    auto stream = stub_.ServerStream(failing, limited());
    EXPECT_TRUE(stream.read().has_value());
    EXPECT_TRUE(stream.read().has_value());
    EXPECT_THROW((void)stream.read(), RpcError);
    EXPECT_EQ(stream.code(), StatusCode::failed_precondition);
    EXPECT_EQ(stream.details(), "no");
    EXPECT_EQ(stub_.Missing(PeerRequest(), limited()).code(), StatusCode::unimplemented);
}

TEST_P(GrpcSyncInterop, messages_larger_than_every_window) {
    PeerRequest request;
    request.set_payload(std::string(4 << 20, 'q'));
    request.set_reply_size(4 << 20);
    const PeerReply reply = stub_.Unary(request, limited()).result();
    EXPECT_EQ(reply.number(), 4 << 20);
    EXPECT_EQ(reply.payload().size(), std::size_t{4} << 20);
    // No answer comes before the end: write() itself has to wait for the server's window.
    auto upload = stub_.ClientStream(limited());
    request = text_request(std::string(1 << 20, 'x'), 1);
    for (int i = 0; i < 4; ++i) upload.write(request);
    upload.done_writing();
    EXPECT_EQ(upload.result().number(), 4);
}

TEST_P(GrpcSyncInterop, deadlines_and_cancelling_reach_the_handler) {
    const auto cancelled = [this] {
        return stub_.Unary(text_request("cancelled?"), limited()).result().number();
    };
    // A busy server may not have begun before the deadline: then there was nothing to cancel.
    PeerRequest slow;
    slow.set_sleep_ms(60'000);
    for (int i = 1; i <= 20 && cancelled() == 0; ++i) {
        EXPECT_EQ(stub_.Unary(slow, CallOptions().timeout(i * 50ms)).code(), StatusCode::deadline_exceeded);
        std::this_thread::sleep_for(20ms);
    }
    const std::int64_t before = cancelled();
    EXPECT_GT(before, 0);

    PeerRequest endless = text_request("", 1000);
    endless.set_sleep_ms(20);
    auto call = stub_.ServerStream(endless, limited());
    EXPECT_TRUE(call.read().has_value());
    EXPECT_TRUE(call.cancel());
    EXPECT_EQ(call.code(), StatusCode::cancelled);
    for (int i = 0; i < 500 && cancelled() == before; ++i) std::this_thread::sleep_for(10ms);
    EXPECT_GT(cancelled(), before);
}

TEST_P(GrpcSyncInterop, threads_call_at_once) {
    std::atomic<int> right = 0;
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t)
        threads.emplace_back([this, t, &right] {
            for (int i = 0; i < 100; ++i) {
                const std::string text = std::to_string(t) + "/" + std::to_string(i);
                right += stub_.Unary(text_request(text), limited()).result().text() == text ? 1 : 0;
            }
        });
    for (auto& thread : threads) thread.join();
    EXPECT_EQ(right, 400);
}

INSTANTIATE_TEST_SUITE_P(Peers, GrpcSyncInterop, ::testing::Values("grpcxx", "python"),
                         [](const auto& of) { return of.param; });

}  // namespace
}  // namespace interop
