// The mesh beside Python's daffi and a raw epoll echo, in one run.
//
// usage: bench_mesh [all|sequential|concurrent|large [python-with-daffi mesh_peers.py]]
// Without the last two only weft and the raw echo are measured.
// Servers are child processes; a row gives calls a second, and microseconds of CPU a call in the client and
// in all servers together.
#include <weft/core.hpp>
#include <weft/mesh.hpp>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <functional>
#include <sstream>
#include <string>
#include <vector>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {

using namespace std::chrono_literals;
using namespace weft;
using namespace weft::mesh;

double seconds_of(TimePoint begin) { return std::chrono::duration<double>(Clock::now() - begin).count(); }

double own_cpu() {
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    return static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           static_cast<double>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

// A child process that runs `role` until it is killed.
class Child {
public:
    explicit Child(const std::function<void()>& role) : pid_(::fork()) {
        if (pid_ == 0) {
            role();
            ::_exit(0);
        }
    }
    Child(const Child&) = delete;
    Child& operator=(const Child&) = delete;
    ~Child() {
        ::kill(pid_, SIGKILL);
        ::waitpid(pid_, nullptr, 0);
    }
    // CPU seconds so far.
    [[nodiscard]] double cpu() const {
        std::ifstream stat("/proc/" + std::to_string(pid_) + "/stat");
        std::string text((std::istreambuf_iterator<char>(stat)), {});
        std::istringstream fields(text.substr(text.rfind(')') + 2));
        std::string skip;
        for (int i = 0; i < 11; ++i) fields >> skip;
        double user = 0;
        double system = 0;
        fields >> user >> system;
        return (user + system) / static_cast<double>(::sysconf(_SC_CLK_TCK));
    }

private:
    pid_t pid_;
};

int listen_on(std::uint16_t port) {
    const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
    const int one = 1;
    ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 || ::listen(fd, 16) != 0)
        std::abort();
    return fd;
}

std::uint16_t free_port() {
    const int fd = listen_on(0);
    sockaddr_in address{};
    socklen_t size = sizeof address;
    ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
    ::close(fd);
    return ntohs(address.sin_port);
}

int connect_to(std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    for (int tries = 0; tries < 1000; ++tries) {
        const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
        if (::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0) {
            const int one = 1;
            ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
            return fd;
        }
        ::close(fd);
        ::usleep(5000);
    }
    std::abort();
}

// Until a server listens; the connection is dropped.
void await_port(std::uint16_t port) { ::close(connect_to(port)); }

void write_all(int fd, const char* data, std::size_t size) {
    while (size != 0) {
        const ssize_t n = ::write(fd, data, size);
        if (n <= 0) std::abort();
        data += n;
        size -= static_cast<std::size_t>(n);
    }
}

// The physical limit: epoll, one read, one write.
void raw_echo(std::uint16_t port) {
    const int listener = listen_on(port);
    for (;;) {
        const int fd = ::accept(listener, nullptr, nullptr);
        if (fd < 0) continue;
        const int one = 1;
        ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        const int epoll = ::epoll_create1(0);
        epoll_event event{};
        event.events = EPOLLIN;
        ::epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
        std::vector<char> room(1 << 20);
        for (;;) {
            ::epoll_wait(epoll, &event, 1, -1);
            const ssize_t n = ::read(fd, room.data(), room.size());
            if (n <= 0) break;
            write_all(fd, room.data(), static_cast<std::size_t>(n));
        }
        ::close(epoll);
        ::close(fd);
    }
}

struct Figures {
    double rate = 0;
    double client_us = 0;
    double server_us = 0;
};

void row(const std::string& name, const Figures& f) {
    std::printf("%-52s %10.0f /s  client %7.2f us  servers %7.2f us\n", name.c_str(), f.rate, f.client_us,
                f.server_us);
    std::fflush(stdout);
}

template <class F>
Figures measure(std::size_t count, const std::vector<const Child*>& servers, F&& work) {
    double before = 0;
    for (const Child* server : servers) before += server->cpu();
    const double cpu = own_cpu();
    const TimePoint begin = Clock::now();
    work();
    const double wall = seconds_of(begin);
    Figures out;
    out.rate = static_cast<double>(count) / wall;
    out.client_us = (own_cpu() - cpu) / static_cast<double>(count) * 1e6;
    double after = 0;
    for (const Child* server : servers) after += server->cpu();
    out.server_us = (after - before) / static_cast<double>(count) * 1e6;
    return out;
}

void raw_sequential(std::size_t size, std::size_t count) {
    const std::uint16_t port = free_port();
    Child server([port] { raw_echo(port); });
    const int fd = connect_to(port);
    const int epoll = ::epoll_create1(0);
    epoll_event event{};
    event.events = EPOLLIN;
    ::epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
    std::vector<char> room(std::max<std::size_t>(size, 1 << 20), 'x');
    row("raw echo, " + std::to_string(size) + " bytes, sequential", measure(count, {&server}, [&] {
            for (std::size_t i = 0; i < count; ++i) {
                // Large messages are written and read in turn, so that neither side waits for the other.
                std::size_t sent = 0;
                std::size_t got = 0;
                while (got < size) {
                    if (sent < size) {
                        const ssize_t n = ::send(fd, room.data() + sent, size - sent,
                                                 sent == 0 && size < 65536 ? 0 : MSG_DONTWAIT);
                        if (n > 0) sent += static_cast<std::size_t>(n);
                    }
                    event.events = 0;
                    if (sent < size) {
                        const ssize_t n = ::recv(fd, room.data(), room.size(), MSG_DONTWAIT);
                        if (n > 0) got += static_cast<std::size_t>(n);
                        continue;
                    }
                    ::epoll_wait(epoll, &event, 1, -1);
                    const ssize_t n = ::recv(fd, room.data(), room.size(), 0);
                    if (n <= 0) std::abort();
                    got += static_cast<std::size_t>(n);
                }
            }
        }));
    ::close(epoll);
    ::close(fd);
}

void raw_window(std::size_t size, std::size_t window, std::size_t count) {
    const std::uint16_t port = free_port();
    Child server([port] { raw_echo(port); });
    const int fd = connect_to(port);
    const std::vector<char> out(size * window, 'x');
    std::vector<char> room(1 << 20);
    row("raw echo, 2 KiB, " + std::to_string(window) + " in flight, batched writes",
        measure(count, {&server}, [&] {
            std::size_t sent = window;
            std::size_t bytes = 0;
            write_all(fd, out.data(), out.size());
            while (bytes < count * size) {
                const std::size_t done = bytes / size;
                const ssize_t n = ::read(fd, room.data(), room.size());
                if (n <= 0) std::abort();
                bytes += static_cast<std::size_t>(n);
                const std::size_t more = std::min(bytes / size - done, count - sent);
                if (more != 0) write_all(fd, out.data(), more * size);
                sent += more;
            }
        }));
    ::close(fd);
}

void serve_weft(std::uint16_t port, bool as_worker) {
    auto body = [](std::uint16_t to, bool worker) -> Task<void> {
        Callbacks callbacks;
        callbacks.add("echo", [](Value x) { return x; });
        if (worker) {
            Client client(Options("worker").port(to).workers(200), callbacks);
            co_await client.connect();
            co_await client.join();
        } else {
            Service service(Options("svc").port(to).workers(200), callbacks);
            service.start();
            co_await service.join();
        }
    };
    (void)weft::run(body(port, as_worker));
}

void route_weft(std::uint16_t port) {
    auto body = [](std::uint16_t at) -> Task<void> {
        Router router(Options("router").port(at));
        router.start();
        co_await router.join();
    };
    (void)weft::run(body(port));
}

Value record() {
    List items;
    for (int i = 0; i < 26; ++i)
        items.items.push_back(Dict{
            {"id", i}, {"name", "item " + std::to_string(i)}, {"price", i * 1.25}, {"tags", List{"a", "b"}}});
    return Dict{{"items", std::move(items)}, {"note", std::string(200, 'n')}};
}

Task<void> sequential(ClientConnection conn, Serde serde, Value data, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) co_await conn.rpc(30s).serde(serde).call("echo", data);
}

// The calls of one client, prepared outside of what is measured.
template <class F>
Figures with_weft(bool through_router, std::size_t count, F work) {
    const std::uint16_t port = free_port();
    std::unique_ptr<Child> router;
    std::unique_ptr<Child> server;
    std::vector<const Child*> servers;
    if (through_router) {
        router = std::make_unique<Child>([port] { route_weft(port); });
        await_port(port);
        servers.push_back(router.get());
    }
    server = std::make_unique<Child>([port, through_router] { serve_weft(port, through_router); });
    if (!through_router) await_port(port);
    servers.push_back(server.get());
    Figures figures;
    auto body = [&]() -> Task<void> {
        Client client(Options("bench").port(port));
        auto conn = co_await client.connect();
        co_await conn.wait_for_method("echo", 10s);
        co_await sequential(conn, Serde::opaque, Value("warm"), 200);
        co_await work(conn, servers, figures, port);
    };
    Loop loop;
    loop.run(body());
    (void)count;
    return figures;
}

Figures weft_sequential(bool through_router, Serde serde, Value data, std::size_t count) {
    auto work = [&](ClientConnection conn, const std::vector<const Child*>& servers, Figures& out,
                    std::uint16_t) -> Task<void> {
        double before = 0;
        for (const Child* server : servers) before += server->cpu();
        const double cpu = own_cpu();
        const TimePoint begin = Clock::now();
        co_await sequential(conn, serde, data, count);
        out.rate = static_cast<double>(count) / seconds_of(begin);
        out.client_us = (own_cpu() - cpu) / static_cast<double>(count) * 1e6;
        double after = 0;
        for (const Child* server : servers) after += server->cpu();
        out.server_us = (after - before) / static_cast<double>(count) * 1e6;
    };
    return with_weft(through_router, count, work);
}

// `tasks` callers on `clients` connections.
Figures weft_concurrent(bool through_router, Serde serde, Value data, std::size_t clients, std::size_t tasks,
                        std::size_t calls) {
    const std::size_t count = tasks * calls;
    auto work = [&](ClientConnection first, const std::vector<const Child*>& servers, Figures& out,
                    std::uint16_t port) -> Task<void> {
        std::vector<Client> more;
        std::vector<ClientConnection> conns;
        conns.push_back(first);
        for (std::size_t i = 1; i < clients; ++i) {
            more.emplace_back(Options("c" + std::to_string(i)).port(port));
            auto conn = co_await more.back().connect();
            conns.push_back(std::move(conn));
        }
        std::vector<Task<void>> all;
        for (std::size_t i = 0; i < tasks; ++i)
            all.push_back(sequential(conns[i % clients], serde, data, calls));
        double before = 0;
        for (const Child* server : servers) before += server->cpu();
        const double cpu = own_cpu();
        const TimePoint begin = Clock::now();
        co_await gather(std::move(all));
        out.rate = static_cast<double>(count) / seconds_of(begin);
        out.client_us = (own_cpu() - cpu) / static_cast<double>(count) * 1e6;
        double after = 0;
        for (const Child* server : servers) after += server->cpu();
        out.server_us = (after - before) / static_cast<double>(count) * 1e6;
    };
    return with_weft(through_router, count, work);
}

class Python {
public:
    Python(std::string python, std::string script) : python_(std::move(python)), script_(std::move(script)) {}

    [[nodiscard]] std::unique_ptr<Child> start(const std::string& role, std::uint16_t port) const {
        return std::make_unique<Child>([this, role, port] {
            if (!std::freopen("/dev/null", "w", stdout)) return;
            ::execl(python_.c_str(), python_.c_str(), script_.c_str(), role.c_str(),
                    std::to_string(port).c_str(), static_cast<char*>(nullptr));
        });
    }

    void measure(const std::string& name, bool through_router, const std::string& args) const {
        const std::uint16_t port = free_port();
        std::unique_ptr<Child> router;
        std::vector<const Child*> servers;
        if (through_router) {
            router = start("router", port);
            servers.push_back(router.get());
            // daffi's listener takes one connection after another: none that says nothing may be in the way.
            ::sleep(1);
        }
        auto server = start(through_router ? "worker" : "service", port);
        servers.push_back(server.get());
        ::sleep(2);
        double before = 0;
        for (const Child* s : servers) before += s->cpu();
        const std::string space = args.find(' ') == std::string::npos ? "" : args.substr(args.find(' '));
        const std::string command = python_ + " " + script_ + " " + args.substr(0, args.find(' ')) + " " +
                                    std::to_string(port) + space;
        FILE* pipe = ::popen(command.c_str(), "r");
        char line[256] = {};
        Figures figures;
        if (pipe && std::fgets(line, sizeof line, pipe))
            std::sscanf(line, "%lf %lf", &figures.rate, &figures.client_us);
        if (pipe) ::pclose(pipe);
        double after = 0;
        for (const Child* s : servers) after += s->cpu();
        const double count = count_of(args);
        figures.server_us = (after - before) / count * 1e6;
        row(name, figures);
    }

private:
    static double count_of(const std::string& args) {
        std::istringstream in(args);
        std::string role;
        double a = 0;
        double b = 0;
        std::string word;
        in >> role >> word >> b;
        a = std::atof(word.c_str());
        return role == "concurrent" ? a * b : b;
    }
    std::string python_;
    std::string script_;
};

}  // namespace

int main(int argc, char** argv) {
    const std::string_view wanted = argc > 1 ? argv[1] : "all";
    const auto runs = [&](std::string_view group) { return wanted == "all" || wanted == group; };
    const Python* python = nullptr;
    if (argc > 3) python = new Python(argv[2], argv[3]);
    const Value small = Dict{{"x", 42}, {"msg", "hello"}};
    const std::string text(2019, 'o');
    if (runs("sequential")) {
        raw_sequential(2048, 20'000);
        for (const Serde serde : {Serde::opaque, Serde::pickle, Serde::json, Serde::msgpack})
            for (const bool router : {false, true}) {
                const std::string which =
                    std::string(to_string(serde)) + " 2 KB, sequential, " + (router ? "router" : "direct");
                row("weft " + which,
                    weft_sequential(router, serde, serde == Serde::opaque ? Value(text) : record(), 10'000));
                if (python)
                    python->measure("daffi " + which, router,
                                    "sequential " + std::string(to_string(serde)) + " 2000");
            }
    }
    if (runs("concurrent")) {
        raw_window(2048, 200, 500'000);
        for (const bool router : {false, true})
            row(std::string("weft OPAQUE 2 KB, 200 in flight, ") + (router ? "router" : "direct"),
                weft_concurrent(router, Serde::opaque, Value(text), 1, 200, 1000));
        for (const bool router : {false, true}) {
            const std::string which =
                std::string("PICKLE small, 200 connections, ") + (router ? "router" : "direct");
            row("weft " + which, weft_concurrent(router, Serde::pickle, small, 200, 200, 500));
            if (python)
                python->measure("daffi " + which, router,
                                "concurrent 200 " + std::string(router ? "5" : "30"));
        }
    }
    if (runs("large")) {
        for (const std::size_t mib : {1, 16, 28}) {
            const std::size_t count = mib == 1 ? 200 : 10;
            raw_sequential(mib << 20, count);
            for (const bool router : {false, true}) {
                const std::string which =
                    "OPAQUE " + std::to_string(mib) + " MiB, " + (router ? "router" : "direct");
                row("weft " + which, weft_sequential(router, Serde::opaque, Value(Bytes(mib << 20)), count));
                if (python && !router)
                    python->measure("daffi " + which, router,
                                    "large " + std::to_string(mib) + " " + std::to_string(count));
            }
        }
    }
    delete python;
    return 0;
}
