// TCP and unix streams against the kernel.
#include <weft/core.hpp>
#include <weft/core/connect.hpp>
#include <weft/core/listener.hpp>
#include <weft/testing/co_test.hpp>

#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

namespace weft {
namespace {

using namespace std::chrono_literals;

class TempDir {
public:
    TempDir() {
        char name[] = "/tmp/weft-stream-XXXXXX";
        path_ = ::mkdtemp(name);
    }
    ~TempDir() { ::rmdir(path_.c_str()); }
    [[nodiscard]] std::string file(const std::string& name) const { return path_ + "/" + name; }

private:
    std::string path_;
};

Task<std::string> echo_once(SocketAddress address) {
    auto stream = co_await connect(address);
    co_await stream->write_all("hello");
    stream->shutdown_write();
    std::string text(5, ' ');
    co_await stream->read_exactly(std::as_writable_bytes(std::span(text)));
    co_return stream->peer() + " " + text;
}

Task<std::string> serve_echo(Listener& listener) {
    auto stream = co_await listener.accept();
    std::array<std::byte, 64> buffer;
    for (;;) {
        const std::size_t n = co_await stream->read_some(buffer);
        if (n == 0) break;
        co_await stream->write_all(std::span<const std::byte>(buffer).first(n));
    }
    co_return stream->peer();
}

CO_TEST(SocketStream, echoes_over_ipv4_ipv6_unix_and_abstract) {
    TempDir dir;
    std::vector<SocketAddress> addresses;
    addresses.push_back(SocketAddress::loopback(0));
    addresses.push_back(SocketAddress::ip("::1", 0));
    addresses.push_back(SocketAddress::unix_path(dir.file("s")));
    addresses.push_back(SocketAddress::unix_abstract("weft-test-" + std::to_string(::getpid())));
    for (const SocketAddress& address : addresses) {
        Listener listener(address);
        auto server = spawn(serve_echo(listener));
        const std::string reply = co_await echo_once(listener.local_address());
        EXPECT_EQ(reply, listener.local_address().to_string() + " hello");
        const std::string& peer = co_await server;
        if (address.is_unix()) {
            EXPECT_EQ(peer, address.to_string());
        } else {
            EXPECT_EQ(peer.substr(0, 5), address.to_string().substr(0, 5));
            EXPECT_NE(listener.port(), 0);
        }
    }
}

CO_TEST(SocketStream, a_refused_connection_names_the_address_and_the_cure) {
    SocketAddress dead;
    {
        Listener listener(SocketAddress::loopback(0));
        dead = listener.local_address();
    }
    std::string tcp;
    try {
        auto stream = co_await connect(dead);
    } catch (const SystemError& e) {
        EXPECT_EQ(e.code(), std::errc::connection_refused);
        tcp = e.what();
    }
    EXPECT_EQ(tcp, "connect to " + dead.to_string() +
                       " (nothing listens there: start the server, or check the port): Connection refused");
    std::string unix_text;
    try {
        auto stream = co_await connect(SocketAddress::unix_path("/nonexistent/socket"));
    } catch (const SystemError& e) {
        EXPECT_EQ(e.code(), std::errc::no_such_file_or_directory);
        unix_text = e.what();
    }
    EXPECT_NE(unix_text.find("unix:/nonexistent/socket"), std::string::npos) << unix_text;
}

CO_TEST(SocketStream, both_ends_have_no_delay_and_close_on_exec) {
    Listener listener(SocketAddress::loopback(0));
    auto client = co_await connect(listener.local_address());
    auto server = co_await listener.accept();
    int streams = 0;
    for (int fd = 3; fd < 64; ++fd) {
        int value = 0;
        socklen_t size = sizeof value;
        if (::getsockopt(fd, SOL_SOCKET, SO_TYPE, &value, &size) != 0) continue;
        EXPECT_TRUE(::fcntl(fd, F_GETFD) & FD_CLOEXEC);
        if (::getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &value, &size) != 0 || value) continue;
        EXPECT_EQ(::getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &value, &size), 0);
        EXPECT_EQ(value, 1);
        ++streams;
    }
    EXPECT_EQ(streams, 2);
}

CO_TEST(SocketStream, adopts_a_socketpair_and_refuses_what_is_no_stream) {
    int fds[2];
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    auto a = adopt_socket(UniqueFd(fds[0]));
    auto b = adopt_socket(UniqueFd(fds[1]));
    co_await a->write_all("x");
    std::array<std::byte, 4> buffer;
    const std::size_t n = co_await b->read_some(buffer);
    EXPECT_EQ(n, 1u);
    EXPECT_EQ(a->peer(), "unix:unnamed");

    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, fds), 0);
    UniqueFd other(fds[1]);
    EXPECT_THROW((void)adopt_socket(UniqueFd(fds[0])), SystemError);
    EXPECT_THROW((void)adopt_socket(UniqueFd(::open("/dev/null", O_RDONLY | O_CLOEXEC))), SystemError);
}

CO_TEST(SocketStream, a_reset_is_a_system_error_and_raises_no_signal) {
    Listener listener(SocketAddress::loopback(0));
    auto client = co_await connect(listener.local_address());
    auto server = co_await listener.accept();
    co_await client->write_all("unread");
    co_await server->read_readiness().wait();
    server.reset();  // unread data: the kernel answers with a reset (RFC 9293 3.10.4)
    bool reset = false;
    std::array<std::byte, 4> buffer;
    try {
        for (;;) {
            const std::size_t n = co_await client->read_some(buffer);
            if (n == 0) break;
        }
    } catch (const SystemError& e) {
        reset = e.code() == std::errc::connection_reset;
    }
    EXPECT_TRUE(reset);
    bool broken = false;
    try {
        co_await client->write_all("x");
    } catch (const SystemError& e) {
        broken = e.code() == std::errc::broken_pipe;
    }
    EXPECT_TRUE(broken);
}

CO_TEST(Listener, close_ends_a_waiting_accept) {
    Listener listener(SocketAddress::loopback(0));
    auto server = spawn(serve_echo(listener));
    co_await yield();
    co_await yield();
    listener.close();
    bool closed = false;
    try {
        co_await server;
    } catch (const ClosedError&) {
        closed = true;
    }
    EXPECT_TRUE(closed);
    EXPECT_TRUE(listener.closed());
}

CO_TEST(Listener, replaces_a_dead_socket_file_but_not_a_live_one_and_cleans_up) {
    TempDir dir;
    const auto address = SocketAddress::unix_path(dir.file("s"));
    struct stat file;
    {
        UniqueFd dead(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
        EXPECT_EQ(::bind(dead.get(), static_cast<const sockaddr*>(address.native()),
                         static_cast<socklen_t>(address.native_size())),
                  0);
    }
    EXPECT_EQ(::stat(address.host().c_str(), &file), 0);
    {
        Listener listener(address);
        bool in_use = false;
        try {
            Listener second(address);
        } catch (const SystemError& e) {
            in_use = e.code() == std::errc::address_in_use;
        }
        EXPECT_TRUE(in_use);
        auto server = spawn(serve_echo(listener));
        co_await echo_once(address);
        co_await server;
    }
    EXPECT_NE(::stat(address.host().c_str(), &file), 0);
}

CO_TEST(Listener, survives_running_out_of_descriptors) {
    Listener listener(SocketAddress::loopback(0));
    auto client = co_await connect(listener.local_address());
    rlimit saved;
    EXPECT_EQ(::getrlimit(RLIMIT_NOFILE, &saved), 0);
    rlimit low = saved;
    low.rlim_cur = 3;  // lower than every descriptor that is open: no new one
    EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &low), 0);
    auto raise_later = [saved]() { ::setrlimit(RLIMIT_NOFILE, &saved); };
    auto accepted = spawn(listener.accept());
    co_await sleep(5ms);
    EXPECT_FALSE(accepted.done());
    raise_later();
    auto server = co_await std::move(accepted);
    co_await client->write_all("x");
    std::array<std::byte, 1> buffer;
    co_await server->read_exactly(buffer);
}

CO_TEST(Listener, cancelling_accept_loses_no_connection) {
    Listener listener(SocketAddress::loopback(0));
    auto first = spawn(listener.accept());
    co_await yield();
    co_await yield();
    first.cancel();
    bool cancelled = false;
    try {
        co_await first;
    } catch (const Cancelled&) {
        cancelled = true;
    }
    EXPECT_TRUE(cancelled);
    auto client = co_await connect(listener.local_address());
    auto server = co_await listener.accept();
    EXPECT_NE(server, nullptr);
}

std::string congestion_of(const Stream& stream) {
    char name[16] = {};
    socklen_t size = sizeof name;
    if (::getsockopt(stream.socket(), IPPROTO_TCP, TCP_CONGESTION, name, &size) != 0) return "unknown";
    return name;
}

// In a network namespace of this thread's own, whose default is BBR; gives why that could not be had.
std::string enter_namespace_with_bbr() {
    if (::unshare(CLONE_NEWNET) != 0) return "network namespaces need root";
    ifreq lo{};
    std::strcpy(lo.ifr_name, "lo");
    lo.ifr_flags = IFF_UP | IFF_RUNNING;
    const UniqueFd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    if (::ioctl(socket.get(), SIOCSIFFLAGS, &lo) != 0) return "lo cannot be set up";
    std::ofstream file("/proc/sys/net/ipv4/tcp_congestion_control");
    file << "bbr" << std::flush;
    return file ? "" : "this kernel has no BBR";
}

TEST(SocketStream, is_not_paced_on_loopback_where_bbr_is_the_default) {
    std::string missing, client, server;
    std::thread([&] {
        missing = enter_namespace_with_bbr();
        if (!missing.empty()) return;
        testing::run([](std::string& c, std::string& s) -> Task<void> {
            Listener listener(SocketAddress::loopback(0));
            auto accepting = spawn(listener.accept());
            auto near = co_await connect(listener.local_address());
            auto far = co_await std::move(accepting);
            c = congestion_of(*near);
            s = congestion_of(*far);
        }(client, server));
    }).join();
    if (!missing.empty()) GTEST_SKIP() << missing;
    EXPECT_EQ(client, "reno");
    EXPECT_EQ(server, "reno");
}

}  // namespace
}  // namespace weft
