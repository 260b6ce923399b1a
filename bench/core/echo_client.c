// Ping-pong over many connections at once, beside which the server's CPU time is read.
// usage: core_bench_client <port> <connections> <milliseconds> <server's pid> [tls]
// Prints the server's CPU microseconds a message, and messages a second.
#define _GNU_SOURCE
#include "raw_tcp.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { message_size = 64 };

struct connection {
    int fd;
    SSL* ssl;
    int missing;  // of the answer
};

static void fail(const char* what) {
    perror(what);
    exit(1);
}

static double nanoseconds(clockid_t clock) {
    struct timespec t;
    if (clock_gettime(clock, &t) != 0) fail("clock_gettime");
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void send_message(struct connection* c) {
    static const char message[message_size] = "ping";
    const int n =
        c->ssl ? SSL_write(c->ssl, message, message_size) : (int)write(c->fd, message, message_size);
    if (n != message_size) fail("write");
    c->missing = message_size;
}

static int would_block(struct connection* c, int n) {
    return c->ssl ? SSL_get_error(c->ssl, n) == SSL_ERROR_WANT_READ : n < 0 && errno == EAGAIN;
}

int main(int argc, char** argv) {
    if (argc < 5) return 2;
    const int count = atoi(argv[2]);
    const double run_ns = atof(argv[3]) * 1e6;
    SSL_CTX* tls = argc > 5 ? SSL_CTX_new(TLS_client_method()) : NULL;
    clockid_t server_clock;
    if (clock_getcpuclockid(atoi(argv[4]), &server_clock) != 0) fail("server's clock");

    struct connection* connections = calloc((size_t)count, sizeof *connections);
    const int poll = epoll_create1(0);
    for (int i = 0; i < count; ++i) {
        struct connection* c = &connections[i];
        c->fd = connect_on_loopback(atoi(argv[1]));
        if (c->fd < 0) fail("connect");
        const struct linger reset = {.l_onoff = 1};  // leaves no TIME_WAIT behind
        setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
        if (tls) {
            c->ssl = SSL_new(tls);
            SSL_set_fd(c->ssl, c->fd);
            if (SSL_connect(c->ssl) != 1) fail("TLS handshake");
        }
        fcntl(c->fd, F_SETFL, O_NONBLOCK);
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
        epoll_ctl(poll, EPOLL_CTL_ADD, c->fd, &event);
    }
    for (int i = 0; i < count; ++i) send_message(&connections[i]);

    struct epoll_event events[256];
    char buffer[4096];
    // The warm-up lasts until every connection has been served a few times.
    long warm_up = 5L * count + 2000;
    long messages = 0;
    double start = 0;
    double server_start = 0;
    for (;;) {
        const int ready = epoll_wait(poll, events, 256, -1);
        for (int i = 0; i < ready; ++i) {
            struct connection* c = events[i].data.ptr;
            do {
                const int n = c->ssl ? SSL_read(c->ssl, buffer, sizeof buffer)
                                     : (int)read(c->fd, buffer, sizeof buffer);
                if (n <= 0) {
                    if (would_block(c, n)) break;
                    fail("read");
                }
                c->missing -= n;
            } while (c->missing > 0);
            if (c->missing > 0) continue;
            ++messages;
            send_message(c);
        }
        if (start == 0 && messages >= warm_up) {
            messages = 0;
            server_start = nanoseconds(server_clock);
            start = nanoseconds(CLOCK_MONOTONIC);
        }
        const double now = nanoseconds(CLOCK_MONOTONIC);
        if (start != 0 && now - start >= run_ns) {
            printf("%.3f %.0f\n", (nanoseconds(server_clock) - server_start) / (double)messages / 1000,
                   (double)messages / (now - start) * 1e9);
            return 0;
        }
    }
}
