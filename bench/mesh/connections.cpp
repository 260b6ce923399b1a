// What connected clients cost a router: N of them, idle, each knowing all the others, and the router's
// memory.
//
// usage: bench_mesh_connections [clients, 10000 unless given]
#include "child.hpp"

#include <weft/core.hpp>
#include <weft/mesh.hpp>
#include <weft/mesh/frame.hpp>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

namespace {

using namespace weft;
using namespace weft::mesh;

int connect_to(std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0 || ::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
        std::perror("connect");
        std::exit(1);
    }
    return fd;
}

std::string hello(std::size_t number) {
    const std::string name = "client-" + std::to_string(number);
    Buffer out;
    out.append(syn);
    FrameWriter writer(out, name, "", "");
    out.append(std::string_view(R"({"meta":{"type":"client","error":null},"members":[{"name":")"));
    out.append(std::string_view(name));
    out.append(std::string_view(R"(","methods":null}]})"));
    FrameHeader header;
    header.id = 1;
    header.serde = Serde::json;
    header.wants_reply = true;
    if (!writer.finish(header)) std::exit(1);
    return std::string(out.text());
}

// Everyone hears of everyone: what comes is read and thrown away.
void drain(int epoll, int patience_ms) {
    static std::vector<char> room(1 << 20);
    epoll_event events[256];
    for (;;) {
        const int n = ::epoll_wait(epoll, events, 256, patience_ms);
        if (n <= 0) return;
        for (int i = 0; i < n; ++i)
            while (::recv(events[i].data.fd, room.data(), room.size(), MSG_DONTWAIT) > 0) {
            }
    }
}

}  // namespace

int main(int argc, char** argv) {
    const std::size_t count = argc > 1 ? static_cast<std::size_t>(std::atoi(argv[1])) : 10'000;
    rlimit files{};
    ::getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &files);
    std::uint16_t port = 0;
    {
        Loop loop;
        port = Listener(SocketAddress::loopback(0)).port();
    }
    const bench::Child router([port] {
        auto body = [](std::uint16_t at) -> Task<void> {
            Router node(Options("router").port(at).stall_limit(std::chrono::minutes(5)));
            node.start();
            co_await node.join();
        };
        (void)weft::run(body(port));
    });
    ::usleep(300'000);
    const long before = router.resident_kib();
    const int epoll = ::epoll_create1(0);
    std::vector<int> clients;
    for (std::size_t i = 0; i < count; ++i) {
        const int fd = connect_to(port);
        const std::string bytes = hello(i);
        if (::write(fd, bytes.data(), bytes.size()) != static_cast<ssize_t>(bytes.size())) return 1;
        epoll_event event{};
        event.events = EPOLLIN | EPOLLET;
        event.data.fd = fd;
        ::epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
        clients.push_back(fd);
        if (i % 50 == 49) drain(epoll, 0);
    }
    drain(epoll, 3000);
    const long after = router.resident_kib();
    std::printf("%zu clients: router %.1f MB, %.1f MB before; %.2f KiB a client\n", count,
                static_cast<double>(after) / 1024, static_cast<double>(before) / 1024,
                static_cast<double>(after - before) / static_cast<double>(count));
    return 0;
}
