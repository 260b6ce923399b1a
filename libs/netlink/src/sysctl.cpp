// Network sysctls: /proc/sys/net shows the namespace of the thread that looks a file up.
#include <weft/core/error.hpp>
#include <weft/core/unique_fd.hpp>
#include <weft/netlink/netns.hpp>

#include <algorithm>
#include <cerrno>

#include <fcntl.h>
#include <unistd.h>

namespace weft::netlink {

namespace {

std::string path_of(std::string_view name) {
    std::string path(name);
    // Interface names may hold dots, so a name with slashes is taken as it is.
    if (path.find('/') == path.npos) std::replace(path.begin(), path.end(), '.', '/');
    if (!path.starts_with("net/") || path.find("..") != path.npos || path.find('\0') != path.npos)
        throw UsageError("'" + std::string(name) + "' is no network sysctl; they begin with net/");
    return "/proc/sys/" + path;
}

UniqueFd open_in(const Namespace& target, const std::string& path, int flags) {
    UniqueFd fd;
    int error_number = 0;
    in_namespace(target, [&] {
        fd.reset(::open(path.c_str(), flags | O_CLOEXEC));
        error_number = errno;
    });
    if (!fd) throw_errno(error_number, "open " + path);
    return fd;
}

}  // namespace

void write_sysctl(const Namespace& target, std::string_view name, std::string_view value) {
    const std::string path = path_of(name);
    const UniqueFd fd = open_in(target, path, O_WRONLY);
    if (::write(fd.get(), value.data(), value.size()) < 0)
        throw_errno("write '" + std::string(value) + "' to " + path);
}

std::string read_sysctl(const Namespace& target, std::string_view name) {
    const std::string path = path_of(name);
    const UniqueFd fd = open_in(target, path, O_RDONLY);
    std::string text(4096, '\0');
    const ssize_t size = ::read(fd.get(), text.data(), text.size());
    if (size < 0) throw_errno("read " + path);
    text.resize(static_cast<std::size_t>(size));
    while (!text.empty() && text.back() == '\n') text.pop_back();
    return text;
}

}  // namespace weft::netlink
