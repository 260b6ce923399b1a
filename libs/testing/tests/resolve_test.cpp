// Names, with a name server of our own on loopback.
#include <weft/core.hpp>
#include <weft/core/resolve.hpp>
#include <weft/testing/co_test.hpp>

#include <array>
#include <cstring>
#include <map>
#include <string>
#include <vector>

#include <netinet/in.h>
#include <sys/socket.h>

namespace weft::testing {
namespace {

using namespace std::chrono_literals;
using Reason = ResolveError::Reason;

// Answers A and AAAA questions from a table (RFC 1035 4.1); a name that is not there does not exist.
class NameServer {
public:
    NameServer() {
        UniqueFd fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
        const auto any = SocketAddress::loopback(0);
        if (::bind(fd.get(), static_cast<const sockaddr*>(any.native()),
                   static_cast<socklen_t>(any.native_size())) != 0)
            throw_errno("bind a name server");
        sockaddr_storage name;
        socklen_t size = sizeof name;
        ::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&name), &size);
        address_ = SocketAddress::from_native(&name, size);
        socket_ = AsyncFd(std::move(fd));
    }

    std::map<std::string, std::vector<std::string>> table;
    bool silent = false;
    bool garbage = false;
    int questions = 0;

    [[nodiscard]] std::string address() const {
        return address_.host() + ":" + std::to_string(address_.port());
    }

    Task<void> serve() {
        std::vector<unsigned char> packet(512);
        for (;;) {
            sockaddr_storage from;
            socklen_t size = sizeof from;
            const auto n = ::recvfrom(socket_.get(), packet.data(), packet.size(), 0,
                                      reinterpret_cast<sockaddr*>(&from), &size);
            if (n < 0) {
                co_await socket_.read_readiness().wait();
                continue;
            }
            ++questions;
            if (silent) continue;
            const std::string reply = garbage
                                          ? std::string(reinterpret_cast<const char*>(packet.data()), 2) +
                                                "\xff\xff\xff\xff garbage"
                                          : answer(std::string(reinterpret_cast<const char*>(packet.data()),
                                                               static_cast<std::size_t>(n)));
            ::sendto(socket_.get(), reply.data(), reply.size(), 0, reinterpret_cast<sockaddr*>(&from), size);
        }
    }

private:
    static void put16(std::string& out, unsigned value) {
        out += static_cast<char>(value >> 8);
        out += static_cast<char>(value & 255);
    }

    std::string answer(const std::string& query) const {
        std::string name;
        std::size_t at = 12;
        while (query[at] != 0) {
            const auto length = static_cast<unsigned char>(query[at]);
            if (!name.empty()) name += '.';
            name += query.substr(at + 1, length);
            at += length + 1u;
        }
        const unsigned type = static_cast<unsigned char>(query[at + 2]);
        const std::string question = query.substr(12, at + 5 - 12);
        std::string records;
        unsigned count = 0;
        const auto entry = table.find(name);
        if (entry != table.end())
            for (const std::string& ip : entry->second) {
                const auto address = SocketAddress::ip(ip, 0);
                const auto bytes = address.ip_bytes();
                if ((type == 1) != (bytes.size() == 4)) continue;
                ++count;
                put16(records, 0xc00c);  // the question's name
                put16(records, type);
                put16(records, 1);
                put16(records, 0);
                put16(records, 60);  // TTL
                put16(records, static_cast<unsigned>(bytes.size()));
                records.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
            }
        std::string reply = query.substr(0, 2);
        put16(reply, entry == table.end() ? 0x8183 : 0x8180);  // NXDOMAIN or success
        put16(reply, 1);
        put16(reply, count);
        put16(reply, 0);
        put16(reply, 0);
        return reply + question + records;
    }

    SocketAddress address_;
    AsyncFd socket_;
};

Task<Reason> reason_of(Task<std::vector<SocketAddress>> query) {
    try {
        co_await std::move(query);
    } catch (const ResolveError& e) {
        EXPECT_FALSE(std::string(e.what()).empty());
        co_return e.reason();
    }
    ADD_FAILURE() << "resolved";
    co_return Reason::server_error;
}

CO_TEST(Resolve, literals_need_no_server) {
    const auto options = ResolveOptions().servers("127.0.0.1:1");
    auto v4 = co_await resolve("192.0.2.7", 22, options);
    EXPECT_EQ(v4, std::vector<SocketAddress>(1, SocketAddress::ip("192.0.2.7", 22)));
    auto v6 = co_await resolve("[2001:db8::7]", 22, options);
    EXPECT_EQ(v6, std::vector<SocketAddress>(1, SocketAddress::ip("2001:db8::7", 22)));
    const Reason wrong =
        co_await reason_of(resolve("192.0.2.7", 22, ResolveOptions().family(ResolveOptions::Family::ipv6)));
    EXPECT_EQ(wrong, Reason::no_address);
}

CO_TEST(Resolve, a_name_below_localhost_is_this_machine_and_no_server_hears_of_it) {
    for (const char* name : {"weft-test.localhost", "A.B.LocalHost."}) {
        const std::string host = name;
        auto addresses = co_await resolve(host, 80, ResolveOptions().servers("127.0.0.1:1"));
        EXPECT_EQ(addresses.size(), 2u) << host;
        auto v6 = co_await resolve(host, 80, ResolveOptions().family(ResolveOptions::Family::ipv6));
        EXPECT_EQ(v6.size(), 1u) << host;
        EXPECT_EQ(v6.at(0), SocketAddress::ip("::1", 80)) << host;
    }
}

CO_TEST(Resolve, localhost_needs_no_server) {
    auto addresses = co_await resolve("localhost", 80, ResolveOptions().servers("127.0.0.1:1"));
    EXPECT_FALSE(addresses.empty());
    for (const auto& address : addresses) {
        EXPECT_TRUE(address.is_loopback()) << address.to_string();
        EXPECT_EQ(address.port(), 80);
    }
}

CO_TEST(Resolve, asks_for_both_families_and_keeps_all_addresses) {
    NameServer server;
    server.table["sw1.example"] = {"192.0.2.1", "192.0.2.2", "2001:db8::1"};
    auto serving = spawn(server.serve());
    auto all = co_await resolve("sw1.example", 830, ResolveOptions().servers(server.address()));
    EXPECT_EQ(all.size(), 3u);
    auto v6 = co_await resolve(
        "sw1.example", 830, ResolveOptions().servers(server.address()).family(ResolveOptions::Family::ipv6));
    EXPECT_EQ(v6, std::vector<SocketAddress>(1, SocketAddress::ip("2001:db8::1", 830)));
}

CO_TEST(Resolve, says_why_a_name_has_no_address) {
    NameServer server;
    server.table["six.example"] = {"2001:db8::1"};
    auto serving = spawn(server.serve());
    const Reason missing =
        co_await reason_of(resolve("nosuch.example", 1, ResolveOptions().servers(server.address())));
    EXPECT_EQ(missing, Reason::not_found);
    const Reason other_family = co_await reason_of(resolve(
        "six.example", 1, ResolveOptions().servers(server.address()).family(ResolveOptions::Family::ipv4)));
    EXPECT_EQ(other_family, Reason::no_address);
    const Reason bad = co_await reason_of(resolve("", 1));
    EXPECT_EQ(bad, Reason::bad_name);
    const std::string long_label = std::string(80, 'x') + ".example";
    const Reason too_long =
        co_await reason_of(resolve(long_label, 1, ResolveOptions().servers(server.address())));
    EXPECT_EQ(too_long, Reason::bad_name);
}

CO_TEST(Resolve, a_silent_server_ends_in_a_timeout_after_its_tries) {
    NameServer server;
    server.silent = true;
    auto serving = spawn(server.serve());
    const Reason reason = co_await reason_of(
        resolve("sw1.example", 1, ResolveOptions().servers(server.address()).try_timeout(20ms).tries(2)));
    EXPECT_EQ(reason, Reason::timed_out);
    EXPECT_GE(server.questions, 3) << "two tries for each of two families";
}

CO_TEST(Resolve, a_dead_server_is_told_from_a_missing_name) {
    const Reason reason = co_await reason_of(
        resolve("sw1.example", 1, ResolveOptions().servers("127.0.0.1:1").try_timeout(100ms).tries(1)));
    EXPECT_TRUE(reason == Reason::unreachable || reason == Reason::timed_out);
}

CO_TEST(Resolve, garbage_from_the_server_is_an_error_and_no_more) {
    NameServer server;
    server.garbage = true;
    auto serving = spawn(server.serve());
    const Reason reason = co_await reason_of(
        resolve("sw1.example", 1, ResolveOptions().servers(server.address()).try_timeout(20ms).tries(1)));
    EXPECT_TRUE(reason == Reason::server_error || reason == Reason::timed_out);
}

CO_TEST(Resolve, cancelling_drops_the_query_and_its_sockets) {
    NameServer server;
    server.silent = true;
    auto serving = spawn(server.serve());
    bool timed_out = false;
    try {
        co_await timeout(20ms, resolve("sw1.example", 1, ResolveOptions().servers(server.address())));
    } catch (const TimeoutError&) {
        timed_out = true;
    }
    EXPECT_TRUE(timed_out);
}

CO_TEST(Resolve, many_queries_run_at_once) {
    NameServer server;
    for (int i = 0; i < 50; ++i)
        server.table["h" + std::to_string(i) + ".example"] = {"192.0.2." + std::to_string(i)};
    auto serving = spawn(server.serve());
    std::vector<Task<std::vector<SocketAddress>>> queries;
    for (int i = 0; i < 50; ++i)
        queries.push_back(
            resolve("h" + std::to_string(i) + ".example", 1, ResolveOptions().servers(server.address())));
    const auto answers = co_await gather(std::move(queries));
    for (std::size_t i = 0; i < 50; ++i) {
        EXPECT_EQ(answers[i].size(), 1u);
        EXPECT_EQ(answers[i].front().host(), "192.0.2." + std::to_string(i));
    }
}

CO_TEST(Resolve, a_bad_list_of_servers_is_a_usage_error) {
    bool refused = false;
    try {
        co_await resolve("sw1.example", 1, ResolveOptions().servers("not a server"));
    } catch (const UsageError&) {
        refused = true;
    }
    EXPECT_TRUE(refused);
}

}  // namespace
}  // namespace weft::testing
