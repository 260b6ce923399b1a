// What touches the kernel, a thread or another process, stopped at each of its steps.
#include "tls_pair.hpp"

#include <weft/core.hpp>
#include <weft/core/tls_stream.hpp>
#include <weft/core/udp_socket.hpp>
#include <weft/testing/sweep.hpp>

#include <gtest/gtest.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include <sys/wait.h>

namespace weft::testing {
namespace {

using namespace std::chrono_literals;

void sweep_io(const SweepScenario& scenario, SweepOptions options = SweepOptions()) {
    options.time_ = TimeSource::steady_clock;
    EXPECT_GT(sweep_destruction(scenario, options), 1u);
    EXPECT_GT(sweep_cancellation(scenario, options), 1u);
}

void sweep_in_manual_time(const SweepScenario& scenario) {
    EXPECT_GT(sweep_destruction(scenario), 1u);
    EXPECT_GT(sweep_cancellation(scenario), 1u);
}

std::span<const std::byte> bytes_of(const std::string& text) { return std::as_bytes(std::span(text)); }

Task<void> echo_five_bytes(Stream& stream) {
    std::array<std::byte, 5> bytes;
    co_await stream.read_exactly(bytes);
    co_await stream.write_all(bytes);
}
Task<void> ask_five_bytes(Stream& stream) {
    std::array<std::byte, 5> bytes;
    co_await stream.write_all("hello");
    co_await stream.read_exactly(bytes);
    EXPECT_EQ(std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()), "hello");
}

TEST(IoSweep, tls_handshake_data_and_close_over_a_memory_pair_in_pieces) {
    sweep_in_manual_time([]() -> Task<void> {
        auto pair = memory_stream_pair({.capacity = 4096, .chunk = 600});
        auto tls = co_await tls_over(std::move(pair), client_context(), server_context());
        co_await gather(ask_five_bytes(*tls.client), echo_five_bytes(*tls.server));
        tls.client->shutdown_write();
        std::byte byte{};
        const std::size_t end = co_await tls.server->read_some(std::span(&byte, 1));
        EXPECT_EQ(end, 0u);
    });
}

TEST(IoSweep, a_tls_server_and_a_client_over_tcp) {
    sweep_io([]() -> Task<void> {
        const ConnectionHandler handler = [](Connection& connection) -> Task<void> {
            auto line = co_await connection.reader.read_line();
            if (line) connection.writer.write(*line + "\n");
        };
        auto server =
            start_server(handler, SocketAddress::loopback(0), ServerOptions().tls(server_context()));
        {
            auto connection = co_await open_connection("127.0.0.1", server.port(), client_context());
            connection.writer.write("hello\n");
            const auto line = co_await connection.reader.read_line();
            EXPECT_EQ(line, "hello");
            connection.writer.close();
            co_await connection.writer.wait_closed();
        }
        co_await server.drain();
    });
}

TEST(IoSweep, udp_datagrams_alone_and_in_batches) {
    sweep_io([]() -> Task<void> {
        UdpSocket server(SocketAddress::loopback(0));
        UdpSocket client(SocketAddress::loopback(0));
        const auto answer = [&]() -> Task<void> {
            std::array<std::byte, 100> buffer;
            const Datagram request = co_await server.receive_from(buffer);
            co_await server.send_to("pong", request.from);
        };
        const auto ask = [&]() -> Task<void> {
            std::array<std::byte, 100> buffer;
            co_await client.send_to("ping", server.local_address());
            const Datagram reply = co_await client.receive_from(buffer);
            EXPECT_EQ(reply.text(), "pong");
        };
        co_await gather(answer(), ask());
        const std::string text = "in a batch";
        const std::vector<OutgoingDatagram> batch(8,
                                                  OutgoingDatagram{bytes_of(text), server.local_address()});
        const auto receive = [&]() -> Task<void> {
            DatagramBatch datagrams(4, 100);
            std::size_t got = 0;
            while (got < batch.size()) {
                const std::size_t n = co_await server.receive_batch(datagrams);
                got += n;
            }
        };
        co_await gather(receive(), client.send_batch(batch));
        std::array<std::byte, 10> buffer;
        bool quiet = false;
        try {
            co_await timeout(1ms, server.receive_from(buffer));
        } catch (const TimeoutError&) {
            quiet = true;
        }
        EXPECT_TRUE(quiet);
    });
}

TEST(IoSweep, unix_sockets_and_pipes) {
    std::string folder = (std::filesystem::temp_directory_path() / "weft-sweep-XXXXXX").string();
    ASSERT_NE(::mkdtemp(folder.data()), nullptr);
    sweep_io([&]() -> Task<void> {
        const std::string path = folder + "/socket";
        std::filesystem::remove(path);
        {
            Listener listener(SocketAddress::unix_path(path));
            auto ends = co_await gather(connect(SocketAddress::unix_path(path)), listener.accept());
            co_await gather(ask_five_bytes(*std::get<0>(ends)), echo_five_bytes(*std::get<1>(ends)));
        }
        auto there = make_pipe();
        auto back = make_pipe();
        const auto relay = [&]() -> Task<void> {
            std::array<std::byte, 3> bytes;
            co_await there.reader->read_exactly(bytes);
            co_await back.writer->write_all(bytes);
        };
        const auto ask = [&]() -> Task<void> {
            std::array<std::byte, 3> bytes;
            co_await there.writer->write_all("abc");
            co_await back.reader->read_exactly(bytes);
        };
        co_await gather(relay(), ask());
    });
    std::filesystem::remove_all(folder);
}

TEST(IoSweep, a_process_in_conversation_and_one_that_is_stopped) {
    const auto no_children = SweepOptions().check([] {
        siginfo_t info{};
        EXPECT_NE(::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT), 0);
        EXPECT_EQ(errno, ECHILD);
    });
    sweep_io(
        []() -> Task<void> {
            const std::vector<std::string> args(1, "cat");
            const auto pipes = ProcessOptions().stdio(Stdio::pipe, Stdio::pipe, Stdio::null);
            Process process(args, pipes);
            co_await process.in()->write_all("hello");
            std::array<std::byte, 5> bytes;
            co_await process.out()->read_exactly(bytes);
            process.in()->close();
            const ExitStatus status = co_await process.wait();
            EXPECT_TRUE(status.ok());
            Process other(args, pipes);
            const ExitStatus stopped = co_await other.stop(1s);
            EXPECT_EQ(stopped.signal, SIGTERM);
        },
        no_children);
}

TEST(IoSweep, to_thread_and_files) {
    std::string folder = (std::filesystem::temp_directory_path() / "weft-sweep-XXXXXX").string();
    ASSERT_NE(::mkdtemp(folder.data()), nullptr);
    sweep_io([&]() -> Task<void> {
        // Its threads end with the frame, so that none holds a file when descriptors are counted.
        ThreadPool pool(2);
        const int value = co_await to_thread(pool, [] { return 7; });
        EXPECT_EQ(value, 7);
        const auto slow = [] { std::this_thread::sleep_for(1ms); };
        co_await gather(to_thread(pool, slow), to_thread(pool, slow), to_thread(pool, slow));
        co_await write_file(pool, folder + "/file", "text", WriteMode::atomic);
        const auto text = co_await read_file(pool, folder + "/file");
        EXPECT_EQ(text, "text");
    });
    std::filesystem::remove_all(folder);
}

TEST(IoSweep, signals) {
    // One that was sent but not received takes its usual effect when the mask comes back.
    const auto before = std::signal(SIGUSR2, SIG_IGN);
    sweep_io([]() -> Task<void> {
        auto signals = [] { return Signals{SIGUSR2}; }();
        const auto send = []() -> Task<void> {
            co_await yield();
            ::raise(SIGUSR2);
        };
        auto got = co_await gather(signals.next(), send());
        EXPECT_EQ(std::get<0>(got), SIGUSR2);
    });
    std::signal(SIGUSR2, before);
}

}  // namespace
}  // namespace weft::testing
