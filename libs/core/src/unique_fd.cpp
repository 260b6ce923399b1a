#include <weft/core/unique_fd.hpp>

#include <unistd.h>

namespace weft {

void UniqueFd::reset(int fd) noexcept {
    // Not retried on EINTR: Linux has closed the descriptor by then (close(2), NOTES).
    if (fd_ >= 0) ::close(fd_);
    fd_ = fd;
}

}  // namespace weft
