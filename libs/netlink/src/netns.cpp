#include <weft/core/error.hpp>
#include <weft/netlink/error.hpp>
#include <weft/netlink/netns.hpp>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>

#include <dirent.h>
#include <fcntl.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

namespace weft::netlink {

namespace {

constexpr const char* names_folder = "/run/netns";
constexpr const char* own_namespace = "/proc/thread-self/ns/net";

[[noreturn]] void fail(int error_number, const std::string& tried) {
    throw NamespaceError(std::error_code(error_number, std::generic_category()), tried);
}

UniqueFd open_file(const std::string& path, const std::string& tried) {
    UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!fd) fail(errno, tried);
    return fd;
}

std::string path_of(const std::string& name) {
    if (name.empty() || name == "." || name == ".." || name.find('/') != name.npos ||
        name.find('\0') != name.npos || name.size() > NAME_MAX)
        throw UsageError("'" + name + "' is no name for a network namespace");
    return std::string(names_folder) + "/" + name;
}

// There is no safe way on: each later socket, file below /proc/sys and child of this thread would belong to
// the wrong network. Not an exception, which somebody could catch.
[[noreturn]] void die_in_wrong_namespace(int error_number) {
    std::fprintf(stderr,
                 "weft: fatal: this thread cannot return to its network namespace (errno %d); "
                 "going on would change the wrong network\n",
                 error_number);
    std::abort();
}

// iproute2 makes its folder a shared mount, so that names are seen in other mount namespaces too; it is a
// mount point first after a bind mount onto itself.
void prepare_names_folder() {
    if (::mkdir(names_folder, 0755) != 0 && errno != EEXIST)
        fail(errno, std::string("create ") + names_folder);
    const UniqueFd lock(::open(names_folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (lock) ::flock(lock.get(), LOCK_EX);
    if (::mount("", names_folder, "none", MS_SHARED | MS_REC, nullptr) == 0) return;
    if (errno != EINVAL || ::mount(names_folder, names_folder, "none", MS_BIND | MS_REC, nullptr) != 0 ||
        ::mount("", names_folder, "none", MS_SHARED | MS_REC, nullptr) != 0)
        fail(errno, std::string("make ") + names_folder + " a shared mount");
}

}  // namespace

Namespace Namespace::from_fd(UniqueFd fd) {
    const std::string tried = "use descriptor " + std::to_string(fd.get()) + " as a network namespace";
    const int type = ::ioctl(fd.get(), NS_GET_NSTYPE);
    if (type != CLONE_NEWNET) fail(type < 0 && errno == EBADF ? EBADF : EINVAL, tried);
    struct stat status {};
    if (::fstat(fd.get(), &status) != 0) fail(errno, tried);
    return Namespace(std::make_shared<const UniqueFd>(std::move(fd)), status.st_ino);
}

Namespace Namespace::current() {
    return from_fd(open_file(own_namespace, "open the current network namespace"));
}

Namespace Namespace::create() {
    UniqueFd home = open_file(own_namespace, "open the current network namespace");
    if (::unshare(CLONE_NEWNET) != 0) fail(errno, "create a network namespace");
    // Nothing may throw between here and the way home.
    UniqueFd made(::open(own_namespace, O_RDONLY | O_CLOEXEC));
    const int error_number = errno;
    if (::setns(home.get(), CLONE_NEWNET) != 0) die_in_wrong_namespace(errno);
    if (!made) fail(error_number, "open a new network namespace");
    return from_fd(std::move(made));
}

Namespace Namespace::create_named(const std::string& name) {
    const std::string path = path_of(name);
    const std::string tried = "create network namespace '" + name + "'";
    prepare_names_folder();
    const UniqueFd target(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_CREAT | O_EXCL, 0));
    if (!target) fail(errno, tried);
    try {
        Namespace made = create();
        const std::string source = "/proc/self/fd/" + std::to_string(made.fd());
        if (::mount(source.c_str(), path.c_str(), "none", MS_BIND, nullptr) != 0) fail(errno, tried);
        return made;
    } catch (...) {
        ::unlink(path.c_str());
        throw;
    }
}

Namespace Namespace::open(const std::string& name) {
    return from_fd(open_file(path_of(name), "open network namespace '" + name + "'"));
}

Namespace Namespace::of_process(pid_t pid) {
    return from_fd(open_file("/proc/" + std::to_string(pid) + "/ns/net",
                             "open the network namespace of process " + std::to_string(pid)));
}

std::vector<std::string> list_namespaces() {
    std::vector<std::string> names;
    DIR* folder = ::opendir(names_folder);
    if (!folder) return names;
    while (const dirent* entry = ::readdir(folder)) {
        const std::string name = entry->d_name;
        if (name != "." && name != "..") names.push_back(name);
    }
    ::closedir(folder);
    std::sort(names.begin(), names.end());
    return names;
}

void remove_namespace(const std::string& name) {
    const std::string path = path_of(name);
    // EINVAL: a file that nothing is mounted on, left by a creator that died half way.
    if (::umount2(path.c_str(), MNT_DETACH) != 0 && errno != EINVAL)
        fail(errno, "remove network namespace '" + name + "'");
    if (::unlink(path.c_str()) != 0) fail(errno, "remove network namespace '" + name + "'");
}

NamespaceGuard::NamespaceGuard(const Namespace& target)
    : home_(open_file(own_namespace, "open the current network namespace")) {
    if (::setns(target.fd(), CLONE_NEWNET) != 0)
        fail(errno, "enter network namespace " + std::to_string(target.inode()));
}

NamespaceGuard::~NamespaceGuard() {
    if (::setns(home_.get(), CLONE_NEWNET) != 0) die_in_wrong_namespace(errno);
}

}  // namespace weft::netlink
