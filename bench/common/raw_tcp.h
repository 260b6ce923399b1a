// Sockets of the programs that show what the kernel alone can do; C and C++.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>

static inline struct sockaddr_in loopback_address(int port) {
    struct sockaddr_in address;
    memset(&address, 0, sizeof address);
    address.sin_family = AF_INET;
    address.sin_port = htons((unsigned short)port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

// 1: with the congestion control that is the machine's default.
static int raw_tcp_as_it_comes = 0;

// Without Nagle's algorithm, and without BBR's pacing where that is the machine's default: it halves what
// loopback can do. What a listener accepts inherits both.
static inline int fast_tcp_socket(void) {
    const int on = 1;
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (!raw_tcp_as_it_comes) setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, "reno", 4);
    return fd;
}

// A socket that listens on a port of the kernel's choice, told in `port`; -1 when that failed.
static inline int listen_on_loopback(int backlog, int* port) {
    struct sockaddr_in address = loopback_address(0);
    socklen_t size = sizeof address;
    const int fd = fast_tcp_socket();
    if (bind(fd, (struct sockaddr*)&address, size) != 0 || listen(fd, backlog) != 0) return -1;
    getsockname(fd, (struct sockaddr*)&address, &size);
    *port = ntohs(address.sin_port);
    return fd;
}

// -1 when nobody listens there.
static inline int connect_on_loopback(int port) {
    const struct sockaddr_in address = loopback_address(port);
    const int fd = fast_tcp_socket();
    return connect(fd, (const struct sockaddr*)&address, sizeof address) == 0 ? fd : -1;
}
