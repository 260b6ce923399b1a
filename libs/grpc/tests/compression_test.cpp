// Compression of messages, both ways, and what does not decompress.
#include "compressor.hpp"
#include "echo_service.hpp"

#include <weft/testing/co_test.hpp>

#include <gtest/gtest.h>

#include <cstring>

namespace weft::test {
namespace {

using grpc::CallOptions;
using grpc::ChannelOptions;
using grpc::Compression;
using grpc::ServerOptions;
using grpc::StatusCode;
using grpc::wire::DecompressResult;

std::vector<std::byte> compressed(Compression algorithm, std::string text) {
    auto bytes = std::as_writable_bytes(std::span(text));
    const auto size = grpc::wire::compress_in_place(algorithm, bytes);
    return std::vector<std::byte>(bytes.begin(),
                                  bytes.begin() + static_cast<std::ptrdiff_t>(size.value_or(0)));
}

TEST(Compressor, decompresses_what_it_compressed) {
    const std::string text(100'000, 'a');
    for (const Compression algorithm : {Compression::gzip, Compression::deflate}) {
        const auto small = compressed(algorithm, text);
        EXPECT_GT(small.size(), 0U);
        EXPECT_LT(small.size(), 1000U);
        std::vector<std::byte> out;
        EXPECT_EQ(grpc::wire::decompress(algorithm, small, 100'000, out), DecompressResult::ok);
        EXPECT_EQ(std::string_view(reinterpret_cast<const char*>(out.data()), out.size()), text);
        EXPECT_EQ(grpc::wire::decompress(algorithm, small, 99'999, out), DecompressResult::too_large);
        EXPECT_LE(out.size(), 100'000U) << "a bomb costs no more than the limit";
    }
}

TEST(Compressor, says_so_when_bytes_are_cut_off_or_no_stream) {
    const auto small = compressed(Compression::gzip, std::string(1000, 'a'));
    std::vector<std::byte> out;
    for (std::size_t n = 0; n < small.size(); ++n)
        EXPECT_EQ(grpc::wire::decompress(Compression::gzip, std::span(small).first(n), 5000, out),
                  DecompressResult::corrupt)
            << n;
    auto longer = small;
    longer.push_back(std::byte{7});
    EXPECT_EQ(grpc::wire::decompress(Compression::gzip, longer, 5000, out), DecompressResult::corrupt);
    EXPECT_EQ(grpc::wire::decompress(Compression::deflate, small, 5000, out), DecompressResult::corrupt);
}

TEST(Compressor, leaves_alone_what_does_not_shrink) {
    std::string text = "ab";
    EXPECT_EQ(grpc::wire::compress_in_place(Compression::gzip, std::as_writable_bytes(std::span(text))),
              std::nullopt);
    EXPECT_EQ(text, "ab");
}

TEST(Compressor, reads_accept_lists) {
    EXPECT_TRUE(grpc::wire::accepts("identity, deflate, gzip", Compression::gzip));
    EXPECT_TRUE(grpc::wire::accepts("identity,deflate", Compression::deflate));
    EXPECT_FALSE(grpc::wire::accepts("identity,gzipped", Compression::gzip));
    EXPECT_TRUE(grpc::wire::accepts("", Compression::identity));
}

CO_TEST(Compression, both_directions_of_every_kind_of_call) {
    for (const Compression algorithm : {Compression::gzip, Compression::deflate}) {
        EchoPair echo(ServerOptions().compression(algorithm), ChannelOptions().compression(algorithm));
        co_await echo.start();
        const std::string text(50'000, 'x');
        auto call = echo.stub->Say(request_of(text));
        const EchoReply reply = co_await call;
        EXPECT_TRUE(call.last_response_compressed());
        EXPECT_EQ(reply.text(), text);
        auto chat = echo.stub->Chat();
        for (int i = 0; i < 3; ++i) {
            if (i == 1) chat.disable_next_message_compression();
            co_await chat.write(request_of(text, i));
            auto answer = co_await chat.read();
            EXPECT_TRUE(chat.last_response_compressed());
            EXPECT_EQ(echo.service.last_compressed, i != 1);
            EXPECT_EQ(answer->text(), text);
            EXPECT_EQ(answer->number(), i);
        }
        chat.done_writing();
        const StatusCode code = co_await chat.code();
        EXPECT_EQ(code, StatusCode::ok);
        co_await echo.close();
    }
}

CO_TEST(Compression, bomb_ends_its_call_only) {
    // 8 MiB of the same byte are 8 KiB compressed, which is below the server's limit of 4 MiB.
    EchoPair echo(ServerOptions(), ChannelOptions().compression(Compression::gzip));
    co_await echo.start();
    auto call = echo.stub->Say(request_of(std::string(8 << 20, 'x')));
    const grpc::Status status = co_await call.status();
    EXPECT_EQ(status.code(), StatusCode::resource_exhausted) << status.to_string();
    const EchoReply reply = co_await echo.stub->Say(request_of("still there"));
    EXPECT_EQ(reply.text(), "still there");
    co_await echo.close();
}

CO_TEST(Compression, bomb_of_a_server_ends_the_clients_call) {
    EchoPair echo(ServerOptions().compression(Compression::deflate));
    co_await echo.start();
    auto call = echo.stub->Say(request_of("", 8 << 20));
    bool thrown = false;
    try {
        co_await call;
    } catch (const grpc::RpcError& error) {
        thrown = true;
        EXPECT_EQ(error.code(), StatusCode::resource_exhausted);
    }
    EXPECT_TRUE(thrown);
    co_await echo.close();
}

CO_TEST(Compression, per_call_option_wins_over_the_channels) {
    EchoPair echo;
    co_await echo.start();
    const std::string text(3 << 20, 'x');
    const EchoReply reply =
        co_await echo.stub->Say(request_of(text), CallOptions().compression(Compression::gzip));
    EXPECT_EQ(reply.text().size(), text.size());
    co_await echo.close();
}

}  // namespace
}  // namespace weft::test
