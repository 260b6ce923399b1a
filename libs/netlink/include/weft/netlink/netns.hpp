// Network namespaces: create, open, enter for the length of a call.
//
// A namespace that is only held by descriptors ends with the last of them, so nothing can be left behind;
// named ones (a bind mount below /run/netns, as iproute2 makes them) stay until they are removed.
// Everything here is synchronous and quick (tens of microseconds). No thread is started and no fork made.
#pragma once

#include <weft/core/unique_fd.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <sys/types.h>

namespace weft::netlink {

// A network namespace, held open. A cheap value: copies share one descriptor.
class Namespace {
public:
    // That of the calling thread. Throws NamespaceError.
    [[nodiscard]] static Namespace current();
    // A new one without a name. Needs CAP_SYS_ADMIN. Throws NamespaceError.
    [[nodiscard]] static Namespace create();
    // A new one that `ip netns` sees as `name`. Throws NamespaceError (EEXIST when the name is taken).
    [[nodiscard]] static Namespace create_named(const std::string& name);
    // The one that `ip netns` knows as `name`. Throws NamespaceError (ENOENT).
    [[nodiscard]] static Namespace open(const std::string& name);
    // That of a process. Throws NamespaceError.
    [[nodiscard]] static Namespace of_process(pid_t pid);
    // Takes a descriptor of a namespace file. Throws NamespaceError when it is something else.
    [[nodiscard]] static Namespace from_fd(UniqueFd fd);

    // Valid as long as a copy of this object lives.
    [[nodiscard]] int fd() const noexcept { return fd_->get(); }
    // The inode number of the namespace: the N of "net:[N]".
    [[nodiscard]] std::uint64_t inode() const noexcept { return inode_; }
    friend bool operator==(const Namespace& a, const Namespace& b) noexcept { return a.inode_ == b.inode_; }

private:
    Namespace(std::shared_ptr<const UniqueFd> fd, std::uint64_t inode) noexcept
        : fd_(std::move(fd)), inode_(inode) {}
    std::shared_ptr<const UniqueFd> fd_;
    std::uint64_t inode_;
};

// Names below /run/netns, sorted.
[[nodiscard]] std::vector<std::string> list_namespaces();
// Takes the name away; the namespace ends when nothing else holds it. Throws NamespaceError (ENOENT).
void remove_namespace(const std::string& name);

// The calling thread is in `target` while this object lives. Only for synchronous code: never keep one
// across a co_await. When the way back fails the process is ended with a message on stderr, because every
// further call of the thread would go to the wrong network.
class NamespaceGuard {
public:
    // Throws NamespaceError; the thread is then where it was.
    explicit NamespaceGuard(const Namespace& target);
    NamespaceGuard(const NamespaceGuard&) = delete;
    NamespaceGuard& operator=(const NamespaceGuard&) = delete;
    ~NamespaceGuard();

private:
    UniqueFd home_;
};

// Runs `f` inside `target` on this thread and gives back what it returns. Sockets that it makes stay in
// `target`. `f` must not be a coroutine: its body would run elsewhere.
template <class F>
decltype(auto) in_namespace(const Namespace& target, F&& f) {
    const NamespaceGuard guard(target);
    return std::forward<F>(f)();
}

// Moves this process into a user namespace and a network namespace of its own, in which it has all rights:
// how a program without root gets a network to build in. The process must have one thread. The caller's
// user and group become 0 inside. Throws UserNamespaceForbidden when the system does not allow it.
void enter_own_user_namespace();

// Network sysctls ("net/ipv4/ip_forward", or with dots) of a namespace. A name outside of net is refused
// with UsageError. Throws SystemError when the kernel has no such knob or refuses the value.
void write_sysctl(const Namespace& target, std::string_view name, std::string_view value);
[[nodiscard]] std::string read_sysctl(const Namespace& target, std::string_view name);

}  // namespace weft::netlink
