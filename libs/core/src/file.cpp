#include <weft/core/error.hpp>
#include <weft/core/file.hpp>
#include <weft/core/stream_reader.hpp>
#include <weft/core/to_thread.hpp>
#include <weft/core/unique_fd.hpp>

#include <algorithm>
#include <cerrno>
#include <cstdio>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace weft {

namespace {

std::string read_whole(const std::string& path, std::size_t max_size) {
    const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!file) throw_errno("open " + path);
    struct stat status;
    if (::fstat(file.get(), &status) != 0) throw_errno("look at " + path);
    const auto overrun = [&] {
        throw LimitOverrun(path + " has more than " + std::to_string(max_size) + " bytes; raise max_size",
                           max_size);
    };
    // Files of /proc and pipes have no size.
    const auto expected = status.st_size > 0 ? static_cast<std::size_t>(status.st_size) : std::size_t{0};
    if (expected > max_size) overrun();
    std::string text(expected + 1, '\0');
    std::size_t have = 0;
    for (;;) {
        if (have == text.size()) text.resize(text.size() * 2 + 4096);
        const auto n = ::read(file.get(), text.data() + have, text.size() - have);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) throw_errno("read " + path);
        if (n == 0) break;
        have += static_cast<std::size_t>(n);
        if (have > max_size) overrun();
    }
    text.resize(have);
    return text;
}

void write_whole(int file, const std::string& path, std::string_view bytes) {
    while (!bytes.empty()) {
        const auto n = ::write(file, bytes.data(), bytes.size());
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) throw_errno("write " + path);
        bytes.remove_prefix(static_cast<std::size_t>(n));
    }
}

void close_checked(UniqueFd& file, const std::string& path) {
    // NFS reports a full disk here.
    if (::close(file.release()) != 0 && errno != EINTR) throw_errno("close " + path);
}

void write_in_place(const std::string& path, std::string_view bytes, int flag) {
    UniqueFd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | flag, 0666));
    if (!file) throw_errno("open " + path + " for writing");
    write_whole(file.get(), path, bytes);
    close_checked(file, path);
}

void replace(const std::string& path, std::string_view bytes) {
    std::string beside = path + ".XXXXXX";
    UniqueFd file(::mkostemp(beside.data(), O_CLOEXEC));
    if (!file) throw_errno("make a file beside " + path);
    try {
        write_whole(file.get(), beside, bytes);
        struct stat old;
        mode_t mode = 0;
        if (::stat(path.c_str(), &old) == 0) {
            mode = old.st_mode & 07777;
        } else {
            // umask(2) can only be asked by changing it, for all threads; the kernel shows it here.
            unsigned mask = 022;
            const std::string status = read_whole("/proc/self/status", std::size_t{1} << 20);
            const std::size_t at = status.find("\nUmask:");
            if (at != std::string::npos) std::sscanf(status.c_str() + at + 7, "%o", &mask);
            mode = 0666 & ~mask;
        }
        if (::fchmod(file.get(), mode) != 0) throw_errno("set the mode of " + beside);
        if (::fsync(file.get()) != 0) throw_errno("sync " + beside);
        close_checked(file, beside);
        if (::rename(beside.c_str(), path.c_str()) != 0) throw_errno("rename " + beside + " to " + path);
    } catch (...) {
        ::unlink(beside.c_str());
        throw;
    }
    // The name, too, is on the disk only when the folder is synced.
    const std::size_t slash = path.rfind('/');
    const std::string folder =
        slash == std::string::npos ? "." : path.substr(0, std::max<std::size_t>(slash, 1));
    const UniqueFd folder_fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (folder_fd) ::fsync(folder_fd.get());
}

}  // namespace

Task<std::string> read_file(ThreadPool& pool, std::string path, std::size_t max_size) {
    auto read = [path = std::move(path), max_size] { return read_whole(path, max_size); };
    auto text = co_await to_thread(pool, std::move(read));
    co_return text;
}

Task<void> write_file(ThreadPool& pool, std::string path, std::string bytes, WriteMode mode) {
    auto write = [path = std::move(path), bytes = std::move(bytes), mode] {
        if (mode == WriteMode::atomic) {
            replace(path, bytes);
        } else {
            write_in_place(path, bytes, mode == WriteMode::append ? O_APPEND : O_TRUNC);
        }
    };
    co_await to_thread(pool, std::move(write));
}

}  // namespace weft
