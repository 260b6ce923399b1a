// Entering a user namespace: user_namespaces(7).
#include <weft/core/error.hpp>
#include <weft/core/unique_fd.hpp>
#include <weft/netlink/error.hpp>
#include <weft/netlink/netns.hpp>

#include <cerrno>

#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

namespace weft::netlink {

namespace {

// 0 or an errno.
int write_file(const char* path, const std::string& text) {
    const UniqueFd fd(::open(path, O_WRONLY | O_CLOEXEC));
    if (!fd) return errno;
    const ssize_t written = ::write(fd.get(), text.data(), text.size());
    if (written < 0) return errno;
    return static_cast<std::size_t>(written) == text.size() ? 0 : EIO;
}

const char* reason(int error_number) {
    switch (error_number) {
        case EPERM:
            return "the system forbids it: see kernel.unprivileged_userns_clone, AppArmor and chroot";
        case ENOSPC:
            return "no user namespace may be made here: see user.max_user_namespaces";
        case EUSERS:
            return "user namespaces are nested too deep";
        case EINVAL:
            return "the process has more than one thread, or the kernel has no user namespaces";
        default:
            return "the system refused";
    }
}

[[noreturn]] void forbidden(int error_number, const std::string& tried) {
    throw UserNamespaceForbidden(std::error_code(error_number, std::generic_category()),
                                 tried + ": " + reason(error_number));
}

}  // namespace

void enter_own_user_namespace() {
    // Asked before: inside, unmapped ids read as the overflow id.
    const std::string user = std::to_string(::geteuid());
    const std::string group = std::to_string(::getegid());
    if (::unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0)
        forbidden(errno, "enter a user and network namespace of one's own");
    // Without rights outside, a group map may be written only after setgroups is given up.
    if (const int error_number = write_file("/proc/self/setgroups", "deny");
        error_number && error_number != ENOENT)
        forbidden(error_number, "give up setgroups in a new user namespace");
    if (const int error_number = write_file("/proc/self/uid_map", "0 " + user + " 1"))
        forbidden(error_number, "map user " + user + " into a new user namespace");
    if (const int error_number = write_file("/proc/self/gid_map", "0 " + group + " 1"))
        forbidden(error_number, "map group " + group + " into a new user namespace");
}

}  // namespace weft::netlink
