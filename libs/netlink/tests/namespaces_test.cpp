// Network namespaces: made, entered, left, removed; nothing stays behind.
#include "kernel.hpp"

#include <weft/core.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <future>
#include <optional>
#include <stdexcept>
#include <thread>

#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace weft::netlink {
namespace {

TEST(Namespace, an_anonymous_one_is_new_and_the_thread_stays_home) {
    const Namespace home = Namespace::current();
    const std::size_t descriptors = open_descriptors();
    {
        const Namespace made = Namespace::create();
        EXPECT_FALSE(made == home);
        EXPECT_TRUE(Namespace::current() == home);
        EXPECT_EQ(ip_json(made, "link show").size(), 1u) << "only lo";
        const Namespace copy = made;
        EXPECT_EQ(copy.fd(), made.fd());
    }
    EXPECT_EQ(open_descriptors(), descriptors);
}

TEST(Namespace, the_guard_comes_home_on_every_path) {
    const Namespace home = Namespace::current();
    const Namespace made = Namespace::create();
    const std::size_t descriptors = open_descriptors();
    const std::uint64_t inside = in_namespace(made, [] { return Namespace::current().inode(); });
    EXPECT_EQ(inside, made.inode());
    EXPECT_TRUE(Namespace::current() == home);
    EXPECT_THROW(in_namespace(made, [] { throw std::runtime_error("inside"); }), std::runtime_error);
    EXPECT_TRUE(Namespace::current() == home);
    in_namespace(made, [&] {
        const Namespace other = Namespace::create();
        in_namespace(other, [&] { EXPECT_TRUE(Namespace::current() == other); });
        EXPECT_TRUE(Namespace::current() == made);
    });
    EXPECT_TRUE(Namespace::current() == home);
    EXPECT_EQ(open_descriptors(), descriptors);
}

TEST(Namespace, other_threads_are_not_moved) {
    const Namespace home = Namespace::current();
    const Namespace made = Namespace::create();
    std::promise<void> entered;
    std::uint64_t elsewhere = 0;
    std::thread other([&] {
        entered.get_future().wait();
        elsewhere = Namespace::current().inode();
    });
    {
        const NamespaceGuard guard(made);
        EXPECT_TRUE(Namespace::current() == made);
        entered.set_value();
        other.join();
    }
    EXPECT_EQ(elsewhere, home.inode());
}

TEST(Namespace, when_the_way_back_is_lost_the_process_ends_loudly) {
    ::testing::GTEST_FLAG(death_test_style) = "threadsafe";
    EXPECT_DEATH(
        {
            const Namespace made = Namespace::create();
            const NamespaceGuard guard(made);
            for (int fd = 3; fd < 256; ++fd) ::close(fd);
        },
        "cannot return to its network namespace");
}

TEST(Namespace, a_named_one_is_known_to_ip_and_goes_when_removed) {
    // A private /run, so that nothing is left in the machine's own, whatever happens here.
    ASSERT_EQ(::unshare(CLONE_NEWNS), 0);
    ASSERT_EQ(::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr), 0);
    ASSERT_EQ(::mount("none", "/run", "tmpfs", 0, nullptr), 0);
    const Namespace home = Namespace::current();
    EXPECT_TRUE(list_namespaces().empty());

    const Namespace made = Namespace::create_named("one");
    const Namespace second = Namespace::create_named("two");
    EXPECT_EQ(list_namespaces(), (std::vector<std::string>{"one", "two"}));
    const std::string known = ip(home, "netns list");
    EXPECT_THAT(known, ::testing::HasSubstr("one"));
    EXPECT_THAT(known, ::testing::HasSubstr("two"));
    EXPECT_TRUE(Namespace::open("one") == made);
    EXPECT_THROW(static_cast<void>(Namespace::create_named("one")), NamespaceError);
    ip(home, "-n one link add x0 type veth peer name x1");
    EXPECT_EQ(ip_json(made, "link show").size(), 3u);
    ip(home, "netns add three");
    EXPECT_FALSE(Namespace::open("three") == made);

    remove_namespace("one");
    EXPECT_THROW(static_cast<void>(Namespace::open("one")), NamespaceError);
    EXPECT_THROW(remove_namespace("one"), NamespaceError);
    remove_namespace("three");
    ip(home, "netns del two");
    EXPECT_TRUE(list_namespaces().empty());
}

TEST(Namespace, names_stay_inside_their_folder) {
    for (const char* name : {"", ".", "..", "../x", "a/b"}) {
        EXPECT_THROW(static_cast<void>(Namespace::open(name)), UsageError) << name;
        EXPECT_THROW(remove_namespace(name), UsageError) << name;
    }
}

TEST(Namespace, what_is_no_namespace_is_refused) {
    UniqueFd file(::dup(STDERR_FILENO));
    EXPECT_THROW(static_cast<void>(Namespace::from_fd(std::move(file))), NamespaceError);
    EXPECT_THROW(static_cast<void>(Namespace::from_fd(UniqueFd())), NamespaceError);
    EXPECT_THROW(static_cast<void>(Namespace::of_process(-5)), NamespaceError);
}

TEST(Namespace, sockets_stay_where_they_were_opened) {
    const Namespace made = Namespace::create();
    Loop loop;
    auto body = [&]() -> Task<void> {
        auto kernel = RouteSocket::open(made);
        auto home = RouteSocket::open();
        co_await kernel.links().create(LinkSpec::veth("only-there", "b"));
        const auto here = co_await home.links().find("only-there");
        EXPECT_FALSE(here);
        const auto there = co_await kernel.links().find("only-there");
        EXPECT_TRUE(there);
    };
    loop.run(body());
}

TEST(Sysctl, is_the_namespaces_own) {
    const Namespace one = Namespace::create();
    const Namespace two = Namespace::create();
    write_sysctl(one, "net/ipv4/ip_forward", "1");
    EXPECT_EQ(read_sysctl(one, "net.ipv4.ip_forward"), "1");
    EXPECT_EQ(read_sysctl(two, "net.ipv4.ip_forward"), "0");
    write_sysctl(two, "net.ipv6.conf.all.disable_ipv6", "1");
    EXPECT_EQ(read_sysctl(one, "net/ipv6/conf/all/disable_ipv6"), "0");
    EXPECT_THROW(write_sysctl(one, "net/ipv4/nosuchknob", "1"), SystemError);
    EXPECT_THROW(write_sysctl(one, "kernel/hostname", "x"), UsageError);
    EXPECT_THROW(write_sysctl(one, "net/../kernel/hostname", "x"), UsageError);
}

// In a child that has given up its rights, so that the user namespace is what gives them.
TEST(UserNamespace, gives_an_ordinary_user_a_network_to_build_in) {
    const pid_t child = ::fork();
    if (child == 0) {
        int outcome = 1;
        try {
            // In a user namespace already, there may be no other user to become: then this one nests.
            if (::getuid() == 0 && ::setgid(65534) == 0 && ::setuid(65534) != 0) ::_exit(2);
            // The change of user made /proc/self root's; in a program that was started as this user it is
            // ours.
            ::prctl(PR_SET_DUMPABLE, 1);
            enter_own_user_namespace();
            const Namespace made = Namespace::create();
            Loop loop;
            auto body = [&]() -> Task<void> {
                auto kernel = RouteSocket::open(made);
                const Link link = co_await kernel.links().add(LinkSpec::veth("a", "b").up());
                outcome = ::getuid() == 0 && link.is_up() ? 0 : 3;
            };
            loop.run(body());
        } catch (const UserNamespaceForbidden&) {
            outcome = 77;
        } catch (const std::exception&) {
            outcome = 4;
        }
        ::_exit(outcome);
    }
    ASSERT_GT(child, 0);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFEXITED(status));
    if (WEXITSTATUS(status) == 77) GTEST_SKIP() << "this system does not let users have namespaces";
    EXPECT_EQ(WEXITSTATUS(status), 0);
}

// A process with two threads may not: the kernel says EINVAL, we say which error it is.
TEST(UserNamespace, is_refused_with_a_reason) {
    const pid_t child = ::fork();
    if (child == 0) {
        int outcome = 1;
        std::thread other([&] {
            try {
                enter_own_user_namespace();
            } catch (const UserNamespaceForbidden& error) {
                const std::string text = error.what();
                outcome = text.find("more than one thread") != text.npos ? 0 : 2;
            }
        });
        other.join();
        ::_exit(outcome);
    }
    ASSERT_GT(child, 0);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFEXITED(status));
    EXPECT_EQ(WEXITSTATUS(status), 0);
}

}  // namespace
}  // namespace weft::netlink
