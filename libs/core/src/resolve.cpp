#include "wake_timer.hpp"

#include <weft/core/async_fd.hpp>
#include <weft/core/resolve.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <string_view>

#include <ares.h>
#include <netdb.h>
#include <strings.h>
#include <sys/epoll.h>

namespace weft {

namespace {

using Reason = ResolveError::Reason;

bool has_family(const SocketAddress& address, ResolveOptions::Family family) {
    using Family = ResolveOptions::Family;
    return family == Family::any ||
           (address.family() == SocketAddress::Family::ipv4) == (family == Family::ipv4);
}

// RFC 6761 section 6.3: "localhost" and the names below it mean this machine, and no name server is asked.
bool is_localhost(std::string_view host) noexcept {
    if (host.ends_with('.')) host.remove_suffix(1);
    constexpr std::string_view name = "localhost";
    if (host.size() < name.size()) return false;
    const std::string_view tail = host.substr(host.size() - name.size());
    return ::strncasecmp(tail.data(), name.data(), name.size()) == 0 &&
           (host.size() == name.size() || host[host.size() - name.size() - 1] == '.');
}

// One query: a c-ares channel of its own, so that dropping the query drops everything about it. c-ares'
// sockets are gathered in an epoll descriptor, level triggered as c-ares expects, which the loop watches.
class Query {
public:
    Query(std::string host, std::uint16_t port, ResolveOptions options)
        : host_(std::move(host)), port_(port), options_(std::move(options)) {
        UniqueFd epoll(::epoll_create1(EPOLL_CLOEXEC));
        if (!epoll) throw_errno("resolve " + host_);
        sockets_ = AsyncFd(std::move(epoll));
        open_channel();
    }
    Query(const Query&) = delete;
    Query& operator=(const Query&) = delete;
    ~Query() {
        dying_ = true;
        channel_.reset();  // calls on_answer with ARES_EDESTRUCTION
    }

    static Task<std::vector<SocketAddress>> run(std::unique_ptr<Query> query) {
        query->ask();
        detail::WakeTimer retry(query->sockets_.read_readiness());
        while (!query->status_) {
            query->process();
            if (query->status_) break;
            query->arm(retry);
            co_await query->sockets_.read_readiness().wait();
        }
        if (*query->status_ != ARES_SUCCESS) query->fall_back_or_fail();
        co_return std::move(query->addresses_);
    }

private:
    struct ChannelDeleter {
        void operator()(ares_channel channel) const noexcept { ::ares_destroy(channel); }
    };

    void open_channel() {
        // Only Windows and Android need what this sets up, but c-ares asks for it.
        static std::once_flag once;
        std::call_once(once, [] { ::ares_library_init(ARES_LIB_INIT_ALL); });
        const auto ms = std::chrono::ceil<std::chrono::milliseconds>(options_.try_timeout()).count();
        ares_options options{};
        options.sock_state_cb = on_socket_state;
        options.sock_state_cb_data = this;
        options.timeout = static_cast<int>(std::clamp<std::int64_t>(ms, 1, 3'600'000));
        options.tries = std::clamp(options_.tries(), 1, 100);
        ares_channel channel = nullptr;
        int mask = ARES_OPT_SOCK_STATE_CB | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES;
        std::string files = "f";
        if (is_localhost(host_)) {  // /etc/hosts may say more than the RFC
            options.lookups = files.data();
            mask |= ARES_OPT_LOOKUPS;
        }
        const int status = ::ares_init_options(&channel, &options, mask);
        if (status != ARES_SUCCESS) {
            throw ResolveError(
                Reason::unreachable,
                "resolve " + host_ +
                    " (cannot set up the resolver; check /etc/resolv.conf): " + ::ares_strerror(status));
        }
        channel_.reset(channel);
        if (!options_.servers().empty() &&
            ::ares_set_servers_ports_csv(channel_.get(), options_.servers().c_str()) != ARES_SUCCESS)
            throw UsageError("resolve " + host_ + ": bad list of name servers '" + options_.servers() +
                             "'; use 192.0.2.1:53,[2001:db8::1]:53");
    }

    void ask() {
        ares_addrinfo_hints hints{};
        hints.ai_flags = ARES_AI_NUMERICSERV;
        hints.ai_socktype = SOCK_STREAM;
        hints.ai_family = options_.family() == ResolveOptions::Family::ipv4   ? AF_INET
                          : options_.family() == ResolveOptions::Family::ipv6 ? AF_INET6
                                                                              : AF_UNSPEC;
        ::ares_getaddrinfo(channel_.get(), host_.c_str(), nullptr, &hints, on_answer, this);
    }

    void process() {
        bool any = false;
        for (;;) {
            std::array<epoll_event, 16> events;
            const int n = ::epoll_wait(sockets_.get(), events.data(), events.size(), 0);
            if (n <= 0) break;
            any = true;
            for (int i = 0; i < n && !status_; ++i) {
                const auto& event = events[static_cast<std::size_t>(i)];
                const bool in = event.events & (EPOLLIN | EPOLLERR | EPOLLHUP);
                const bool out = event.events & (EPOLLOUT | EPOLLERR | EPOLLHUP);
                ::ares_process_fd(channel_.get(), in ? event.data.fd : ARES_SOCKET_BAD,
                                  out ? event.data.fd : ARES_SOCKET_BAD);
            }
            if (status_) return;
        }
        if (!any) ::ares_process_fd(channel_.get(), ARES_SOCKET_BAD, ARES_SOCKET_BAD);  // timeouts only
    }

    void arm(Timer& timer) {
        timeval left{};
        if (!::ares_timeout(channel_.get(), nullptr, &left)) return;
        Loop::current().arm_after(
            timer, std::chrono::seconds(left.tv_sec) + std::chrono::microseconds(left.tv_usec));
    }

    static void on_socket_state(void* self, ares_socket_t socket, int in, int out) {
        auto& query = *static_cast<Query*>(self);
        if (query.dying_) return;  // c-ares closes the socket, which leaves the epoll set by that
        epoll_event event{};
        event.data.fd = socket;
        event.events = (in ? EPOLLIN : 0u) | (out ? EPOLLOUT : 0u);
        const int epoll = query.sockets_.get();
        if (!in && !out) {
            ::epoll_ctl(epoll, EPOLL_CTL_DEL, socket, nullptr);
        } else if (::epoll_ctl(epoll, EPOLL_CTL_MOD, socket, &event) != 0) {
            ::epoll_ctl(epoll, EPOLL_CTL_ADD, socket, &event);
        }
    }

    static void on_answer(void* self, int status, int, ares_addrinfo* answer) {
        const std::unique_ptr<ares_addrinfo, void (*)(ares_addrinfo*)> owned(answer, ::ares_freeaddrinfo);
        auto& query = *static_cast<Query*>(self);
        if (query.dying_) return;
        query.status_ = status;
        if (!answer) return;
        for (const auto* node = answer->nodes; node; node = node->ai_next) {
            const auto address =
                SocketAddress::from_native(node->ai_addr, static_cast<std::size_t>(node->ai_addrlen))
                    .with_port(query.port_);
            auto& all = query.addresses_;
            if (address.is_ip() && std::find(all.begin(), all.end(), address) == all.end())
                all.push_back(address);
        }
        if (status == ARES_SUCCESS && query.addresses_.empty()) query.status_ = ARES_ENODATA;
    }

    void fall_back_or_fail() {
        if (!is_localhost(host_)) fail();
        for (const char* loopback : {"127.0.0.1", "::1"}) {
            const auto address = SocketAddress::from_ip(loopback, port_);
            if (has_family(*address, options_.family())) addresses_.push_back(*address);
        }
    }

    [[noreturn]] void fail() const {
        Reason reason = Reason::server_error;
        const char* advice = "";
        switch (*status_) {
            case ARES_ENOTFOUND:
                reason = Reason::not_found;
                advice = " (check the name, /etc/hosts and the search list of /etc/resolv.conf)";
                break;
            case ARES_ENODATA:
                reason = Reason::no_address;
                advice = " (the name exists, without an address of this kind)";
                break;
            case ARES_EBADNAME:
            case ARES_EBADSTR:
                reason = Reason::bad_name;
                break;
            case ARES_ETIMEOUT:
                reason = Reason::timed_out;
                advice = " (check the name servers of /etc/resolv.conf)";
                break;
            case ARES_ECONNREFUSED:
                reason = Reason::unreachable;
                advice = " (check the name servers of /etc/resolv.conf)";
                break;
            default:
                break;
        }
        throw ResolveError(reason, "resolve " + host_ + advice + ": " + ::ares_strerror(*status_));
    }

    std::string host_;
    std::uint16_t port_;
    ResolveOptions options_;
    AsyncFd sockets_;
    std::unique_ptr<ares_channeldata, ChannelDeleter> channel_;
    std::optional<int> status_;
    std::vector<SocketAddress> addresses_;
    bool dying_ = false;
};

}  // namespace

Task<std::vector<SocketAddress>> resolve(std::string host, std::uint16_t port, ResolveOptions options) {
    std::string_view literal = host;
    if (literal.size() >= 2 && literal.front() == '[' && literal.back() == ']')
        literal = literal.substr(1, literal.size() - 2);
    if (const auto address = SocketAddress::from_ip(literal, port)) {
        if (!has_family(*address, options.family()))
            throw ResolveError(Reason::no_address, "resolve " + host + ": a literal of the other family");
        std::vector<SocketAddress> only(1, *address);
        co_return only;
    }
    // RFC 1035 2.3.4: 255 bytes with the root's; c-ares takes a C string.
    if (host.empty() || host.size() > 254 || host.find('\0') != host.npos)
        throw ResolveError(Reason::bad_name, "'" + host.substr(0, 254) + "' is not a host's name");
    auto addresses = co_await Query::run(std::make_unique<Query>(host, port, options));
    co_return addresses;
}

}  // namespace weft
