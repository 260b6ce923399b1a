// The socket core against the kernel: many requests at once, large dumps, cancellation, other protocols.
#include "kernel.hpp"
#include "socket_state.hpp"

#include <weft/core.hpp>
#include <weft/testing/co_test.hpp>

#include <gtest/gtest.h>

#include <random>

#include <linux/genetlink.h>
#include <linux/rtnetlink.h>

namespace weft::netlink {
namespace {

using namespace std::chrono_literals;

constexpr std::uint32_t route_count = 10000;

IpPrefix nth_prefix(std::uint32_t i) { return IpPrefix(IpAddress::from_v4(0x0a000000 + i)); }

// `lo` is up, and 10,000 host routes go through it.
Task<void> make_routes(const RouteSocket& kernel) {
    const Link lo = co_await kernel.links().get("lo");
    co_await kernel.links().set_state(lo.index, LinkState::up);
    std::vector<Task<void>> tasks;
    for (std::uint32_t i = 0; i < route_count; ++i)
        tasks.push_back(kernel.routes().add(Route::to(nth_prefix(i)).dev(lo.index)));
    co_await gather(std::move(tasks), 1000);
}

CO_TEST(Socket, a_thousand_requests_in_flight_all_get_their_own_answer) {
    auto kernel = RouteSocket::open(Namespace::create());
    std::vector<IfIndex> indexes;
    for (int i = 0; i < 5; ++i) {
        const Link made = co_await kernel.links().add(LinkSpec::bridge("br" + std::to_string(i)));
        indexes.push_back(made.index);
    }
    std::vector<Task<Link>> tasks;
    for (int i = 0; i < 1000; ++i)
        tasks.push_back(kernel.links().get(indexes[static_cast<std::size_t>(i) % 5]));
    const auto links = co_await gather(std::move(tasks), 1000);
    EXPECT_EQ(links.size(), 1000u);
    for (std::size_t i = 0; i < links.size(); ++i) EXPECT_EQ(links[i].name, "br" + std::to_string(i % 5));
    EXPECT_EQ(kernel.socket().state()->pending_count(), 0u);
}

CO_TEST(Socket, ten_thousand_routes_go_in_and_come_back) {
    const Namespace here = Namespace::create();
    auto kernel = RouteSocket::open(here);
    co_await make_routes(kernel);
    const auto routes = co_await kernel.routes().list(RouteFilter().in_family(IpFamily::v4));
    EXPECT_EQ(routes.size(), route_count);
    for (std::uint32_t i = 0; i < std::min<std::size_t>(routes.size(), route_count); ++i)
        EXPECT_EQ(routes[i].destination, nth_prefix(i));
    EXPECT_EQ(ip_json(here, "-4 route show").size(), route_count);
}

CO_TEST(Socket, dumps_and_requests_at_once_are_all_good) {
    auto kernel = RouteSocket::open(Namespace::create());
    co_await make_routes(kernel);
    auto one = spawn(kernel.routes().list());
    auto two = spawn(kernel.routes().list());
    auto three = spawn(kernel.links().list());
    std::vector<Task<Link>> tasks;
    for (int i = 0; i < 50; ++i) tasks.push_back(kernel.links().get("lo"));
    const auto links = co_await gather(std::move(tasks), 50);
    EXPECT_EQ(links.size(), 50u);
    const auto first = co_await std::move(one);
    const auto second = co_await std::move(two);
    const auto third = co_await std::move(three);
    EXPECT_EQ(first.size(), second.size());
    EXPECT_GE(first.size(), route_count);
    EXPECT_EQ(third.size(), 1u);
}

// Wherever a dump is cut off, the next one is whole and nothing is left over.
CO_TEST(Socket, cancelled_dumps_leave_nothing_behind) {
    auto kernel = RouteSocket::open(Namespace::create());
    co_await make_routes(kernel);
    const RouteFilter filter = RouteFilter().in_family(IpFamily::v4);
    for (int turns = 0; turns < 40; ++turns) {
        auto dump = spawn(kernel.routes().list(filter));
        for (int i = 0; i < turns % 8; ++i) co_await yield();
        dump.cancel();
        auto get = spawn(kernel.links().get("lo"));
        if (turns % 3 == 0) get.cancel();
    }
    const auto routes = co_await kernel.routes().list(filter);
    EXPECT_EQ(routes.size(), route_count);
    EXPECT_EQ(kernel.socket().state()->pending_count(), 0u);
}

// A list that changes while it is read must come whole or say that it did not.
CO_TEST(Socket, a_dump_under_churn_is_consistent_or_an_error) {
    const Namespace here = Namespace::create();
    auto kernel = RouteSocket::open(here);
    auto other = RouteSocket::open(here);
    constexpr std::size_t pairs = 100;
    std::vector<Task<void>> tasks;
    for (std::size_t i = 0; i < pairs; ++i)
        tasks.push_back(
            kernel.links().create(LinkSpec::veth("a" + std::to_string(i), "b" + std::to_string(i))));
    co_await gather(std::move(tasks), 100);
    auto churn = [&]() -> Task<void> {
        for (;;) {
            co_await other.links().create(LinkSpec::bridge("churn"));
            co_await other.links().remove("churn");
        }
    };
    auto changes = spawn(churn());
    for (int i = 0; i < 20; ++i) {
        try {
            const auto links = co_await kernel.links().list();
            std::size_t stable = 0;
            for (const Link& link : links) stable += link.kind == "veth";
            EXPECT_EQ(stable, 2 * pairs);
        } catch (const DumpInterruptedError&) {
        }
    }
    changes.cancel();
    try {
        co_await changes;
    } catch (const Cancelled&) {
    }
}

CO_TEST(Socket, generic_netlink_works_by_hand) {
    auto generic = Socket::open(Protocol::generic);
    MessageBuilder request(GENL_ID_CTRL);
    genlmsghdr head{};
    head.cmd = CTRL_CMD_GETFAMILY;
    head.version = 1;
    request.fixed(head);
    request.put_text(CTRL_ATTR_FAMILY_NAME, "nlctrl");
    const auto answer = co_await generic.request(std::move(request), "get family 'nlctrl'");
    EXPECT_EQ(answer.size(), 1u);
    bool found = false;
    for (const Message& message : answer) {
        AttributeReader reader = message.view().attributes(sizeof(genlmsghdr));
        while (const auto attribute = reader.next())
            found = found || (attribute->type() == CTRL_ATTR_FAMILY_ID && attribute->u16() == GENL_ID_CTRL);
    }
    EXPECT_TRUE(found);

    MessageBuilder unknown(GENL_ID_CTRL);
    unknown.fixed(head);
    unknown.put_text(CTRL_ATTR_FAMILY_NAME, "nosuchfamily");
    std::string text;
    try {
        co_await generic.request(std::move(unknown), "get family 'nosuchfamily'");
    } catch (const Error& error) {
        text = error.what();
    }
    EXPECT_NE(text.find("get family 'nosuchfamily'"), text.npos) << text;
}

CO_TEST(Socket, a_closed_socket_says_so) {
    auto kernel = RouteSocket::open(Namespace::create());
    auto links = kernel.links();
    kernel.close();
    bool closed = false;
    try {
        co_await links.list();
    } catch (const ClosedError&) {
        closed = true;
    }
    EXPECT_TRUE(closed);
}

TEST(Socket, is_refused_on_a_second_loop) {
    Loop first;
    Loop second;
    std::optional<RouteSocket> kernel;  // dies before its loop
    auto use = [&]() -> Task<void> {
        if (!kernel) kernel = RouteSocket::open(Namespace::create());
        co_await kernel->links().list();
    };
    first.run(use());
    EXPECT_THROW(second.run(use()), UsageError);
}

TEST(Socket, a_thousand_sockets_in_other_namespaces_leave_no_descriptor) {
    const Namespace made = Namespace::create();
    const std::size_t before = open_descriptors();
    for (int i = 0; i < 1000; ++i) (void)RouteSocket::open(made);
    EXPECT_EQ(open_descriptors(), before);
}

}  // namespace
}  // namespace weft::netlink
