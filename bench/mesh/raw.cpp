// What the kernel alone can do: an echo over TCP with epoll and no frames.
//     raw server        sends back what it read
//     raw client …      sequential: one write, one read; flight: batched writes, as many messages as came
//                       back; callers: one message at a time on each of 200 connections; large: sends while
//                       it receives
//     raw busy …        the same, but epoll_wait() never sleeps
//     raw paced …       the same, with the machine's default congestion control, which may be BBR
#include "mesh_case.hpp"
#include "raw_tcp.h"

#include <cstdint>
#include <string>
#include <vector>

#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace {

void check(bool right) {
    if (!right) std::abort();
}

void watch(int epoll, int fd) {
    check(fd >= 0);
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = fd;
    check(::epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) == 0);
}

void write_all(int fd, const char* data, std::size_t size) {
    while (size != 0) {
        const ssize_t n = ::write(fd, data, size);
        check(n > 0);
        data += n;
        size -= static_cast<std::size_t>(n);
    }
}

constexpr std::size_t room_size = 1 << 20;

// How long epoll_wait() sleeps: for ever, or not at all.
int timeout = -1;

int wait(int epoll, epoll_event* events, int most) {
    for (;;) {
        const int count = ::epoll_wait(epoll, events, most, timeout);
        if (count != 0) return count;
    }
}

constexpr int events_at_once = 256;

// Until the first connection ends.
int serve() {
    int port = 0;
    const int listener = listen_on_loopback(1024, &port);
    check(listener >= 0);
    bench::tell_port(static_cast<std::uint16_t>(port));
    const int epoll = ::epoll_create1(0);
    watch(epoll, listener);
    std::vector<char> room(room_size);
    epoll_event events[events_at_once];
    for (;;) {
        const int count = wait(epoll, events, events_at_once);
        for (int i = 0; i < count; ++i) {
            const int fd = events[i].data.fd;
            if (fd == listener) {
                watch(epoll, ::accept(listener, nullptr, nullptr));
                continue;
            }
            const ssize_t n = ::read(fd, room.data(), room.size());
            if (n <= 0) return 0;
            write_all(fd, room.data(), static_cast<std::size_t>(n));
        }
    }
}

void sequential(int fd, bench::Case& one) {
    const int epoll = ::epoll_create1(0);
    watch(epoll, fd);
    std::vector<char> room(room_size, 'x');
    epoll_event event{};
    for (;;) {
        const auto began = bench::Clock::now();
        write_all(fd, room.data(), one.bytes());
        for (std::size_t got = 0; got < one.bytes();) {
            (void)wait(epoll, &event, 1);
            const ssize_t n = ::read(fd, room.data(), room.size());
            check(n > 0);
            got += static_cast<std::size_t>(n);
        }
        if (!one.count(began)) return;
    }
}

// One small message to and fro on each of many connections.
void callers(int fd, int port, bench::Case& one) {
    // About what a call of this case is as a frame.
    constexpr std::size_t size = 100;
    const int epoll = ::epoll_create1(0);
    const std::vector<char> message(size, 'x');
    std::vector<char> room(room_size);
    for (int i = 0; i < bench::Case::in_flight; ++i) {
        if (i != 0) fd = connect_on_loopback(port);
        check(fd >= 0);
        watch(epoll, fd);
        write_all(fd, message.data(), size);
    }
    epoll_event events[events_at_once];
    for (;;) {
        const int count = wait(epoll, events, events_at_once);
        for (int i = 0; i < count; ++i) {
            check(::read(events[i].data.fd, room.data(), room.size()) == size);
            write_all(events[i].data.fd, message.data(), size);
        }
        if (!one.count_messages(static_cast<std::size_t>(count))) return;
    }
}

void flight(int fd, bench::Case& one) {
    const std::vector<char> out(one.bytes() * bench::Case::in_flight, 'x');
    std::vector<char> room(room_size);
    write_all(fd, out.data(), out.size());
    for (std::size_t bytes = 0;;) {
        const ssize_t n = ::read(fd, room.data(), room.size());
        check(n > 0);
        bytes += static_cast<std::size_t>(n);
        const std::size_t whole = bytes / one.bytes();
        bytes %= one.bytes();
        if (whole == 0) continue;
        if (!one.count_messages(whole)) return;
        write_all(fd, out.data(), whole * one.bytes());
    }
}

void large(int fd, bench::Case& one) {
    const std::vector<char> out(one.bytes(), 'x');
    std::vector<char> room(room_size);
    for (;;) {
        const auto began = bench::Clock::now();
        std::size_t sent = 0;
        std::size_t got = 0;
        while (got < out.size()) {
            pollfd ready{fd, static_cast<short>(sent < out.size() ? POLLIN | POLLOUT : POLLIN), 0};
            ::poll(&ready, 1, -1);
            if ((ready.revents & POLLOUT) != 0) {
                const ssize_t n = ::send(fd, out.data() + sent, out.size() - sent, MSG_DONTWAIT);
                if (n > 0) sent += static_cast<std::size_t>(n);
            }
            if ((ready.revents & POLLIN) != 0) {
                const ssize_t n = ::recv(fd, room.data(), room.size(), MSG_DONTWAIT);
                check(n != 0);
                if (n > 0) got += static_cast<std::size_t>(n);
            }
        }
        if (!one.count(began)) return;
    }
}

}  // namespace

int main(int argc, char** argv) {
    if (argc > 2 && std::string(argv[1]) == "busy") {
        timeout = 0;
        --argc;
        ++argv;
    }
    if (argc > 2 && std::string(argv[1]) == "paced") {
        raw_tcp_as_it_comes = 1;
        --argc;
        ++argv;
    }
    if (argc == 2) return serve();
    if (argc != 5) return 2;
    bench::Case one(argv[3], std::atof(argv[4]));
    const int port = std::atoi(argv[2]);
    const int fd = connect_on_loopback(port);
    check(fd >= 0);
    if (one.large()) {
        large(fd, one);
    } else if (one.flight()) {
        flight(fd, one);
    } else if (one.callers()) {
        callers(fd, port, one);
    } else {
        sequential(fd, one);
    }
    bench::Case::wait_for_end_of_input();
    return 0;
}
