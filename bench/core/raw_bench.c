// The bound: the rows that the kernel dominates, in C, on epoll and nothing else.
// usage: core_bench_raw echo | tls_echo <certificate> <key> | subprocess | subprocess_wall
// The servers print their port and serve until they are killed.
#define _GNU_SOURCE
#include "raw_tcp.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct connection {
    int fd;
    SSL* ssl;
};

static void fail(const char* what) {
    perror(what);
    exit(1);
}

static int listen_and_tell(void) {
    int port;
    const int fd = listen_on_loopback(1024, &port);
    if (fd < 0) fail("listen");
    fcntl(fd, F_SETFL, O_NONBLOCK);
    printf("%d\n", port);
    fflush(stdout);
    return fd;
}

static int again(int n, SSL* ssl) {
    if (!ssl) return n < 0 && errno == EAGAIN;
    const int error = SSL_get_error(ssl, n);
    return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE;
}

// 0 when the connection has ended. Messages are small: what is written always fits.
static int serve(struct connection* c) {
    static char buffer[4096];
    for (;;) {
        const int n =
            c->ssl ? SSL_read(c->ssl, buffer, sizeof buffer) : (int)read(c->fd, buffer, sizeof buffer);
        if (n <= 0) return again(n, c->ssl);
        const int written = c->ssl ? SSL_write(c->ssl, buffer, n) : (int)write(c->fd, buffer, n);
        if (written != n) return 0;
        if (!c->ssl) return 1;  // level triggered: the next poll tells
        if (SSL_pending(c->ssl) == 0) return 1;
    }
}

static void echo(SSL_CTX* tls) {
    const int listener = listen_and_tell();
    const int poll = epoll_create1(0);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
    epoll_ctl(poll, EPOLL_CTL_ADD, listener, &event);
    struct epoll_event events[256];
    for (;;) {
        const int count = epoll_wait(poll, events, 256, -1);
        for (int i = 0; i < count; ++i) {
            struct connection* c = events[i].data.ptr;
            if (c) {
                if (serve(c)) continue;
                if (c->ssl) SSL_free(c->ssl);
                close(c->fd);
                free(c);
                continue;
            }
            const int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
            if (fd < 0) continue;
            c = calloc(1, sizeof *c);
            c->fd = fd;
            if (tls) {
                c->ssl = SSL_new(tls);
                SSL_set_fd(c->ssl, fd);
                SSL_set_accept_state(c->ssl);
            }
            event.data.ptr = c;
            epoll_ctl(poll, EPOLL_CTL_ADD, fd, &event);
        }
    }
}

static double nanoseconds(clockid_t clock) {
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

// posix_spawn is a vfork in glibc.
static double subprocess(clockid_t clock) {
    enum { times = 300 };
    extern char** environ;
    char* const command[] = {"/bin/true", NULL};
    const int poll = epoll_create1(0);
    posix_spawn_file_actions_t files;
    posix_spawn_file_actions_init(&files);
    for (int fd = 0; fd < 3; ++fd) posix_spawn_file_actions_addopen(&files, fd, "/dev/null", O_RDWR, 0);
    const double start = nanoseconds(clock);
    for (int i = 0; i < times; ++i) {
        pid_t pid;
        if (posix_spawn(&pid, command[0], &files, NULL, command, environ) != 0) fail("posix_spawn");
        const int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
        struct epoll_event event = {.events = EPOLLIN};
        epoll_ctl(poll, EPOLL_CTL_ADD, pidfd, &event);
        while (epoll_wait(poll, &event, 1, -1) != 1) {
        }
        siginfo_t info;
        waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED);
        close(pidfd);
    }
    return (nanoseconds(clock) - start) / times / 1000;
}

int main(int argc, char** argv) {
    const char* row = argc > 1 ? argv[1] : "";
    if (strcmp(row, "echo") == 0) echo(NULL);
    if (strcmp(row, "tls_echo") == 0 && argc > 3) {
        SSL_CTX* tls = SSL_CTX_new(TLS_server_method());
        if (SSL_CTX_use_certificate_chain_file(tls, argv[2]) != 1 ||
            SSL_CTX_use_PrivateKey_file(tls, argv[3], SSL_FILETYPE_PEM) != 1)
            fail("certificate");
        signal(SIGPIPE, SIG_IGN);
        echo(tls);
    }
    if (strcmp(row, "subprocess") == 0) return printf("%.1f\n", subprocess(CLOCK_PROCESS_CPUTIME_ID)) < 0;
    if (strcmp(row, "subprocess_wall") == 0) return printf("%.1f\n", subprocess(CLOCK_MONOTONIC)) < 0;
    if (*row) return 2;
    puts("subprocess\nsubprocess_wall");
    return 0;
}
