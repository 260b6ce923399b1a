// Whole files, read and written on a thread pool: the kernel has no readiness for regular files.
#pragma once

#include <weft/core/task.hpp>
#include <weft/core/thread_pool.hpp>

#include <cstddef>
#include <cstdint>
#include <string>

namespace weft {

enum class WriteMode : std::uint8_t {
    truncate,  // a reader, or a crash, may see a part
    append,
    // Readers see the old file or the new one, also after a crash: written beside it, synced, renamed. Keeps
    // the old file's mode; a symbolic link is replaced, not followed.
    atomic,
};

inline constexpr std::size_t default_file_limit = std::size_t{256} << 20;

// The whole file. Throws SystemError that names it, LimitOverrun beyond `max_size` bytes. Cancelling: see
// to_thread().
[[nodiscard]] Task<std::string> read_file(ThreadPool& pool, std::string path,
                                          std::size_t max_size = default_file_limit);

// Makes the file when there is none (mode 0666 less the umask). Throws SystemError that names it. A cancelled
// write goes on to its end.
[[nodiscard]] Task<void> write_file(ThreadPool& pool, std::string path, std::string bytes,
                                    WriteMode mode = WriteMode::truncate);

}  // namespace weft
