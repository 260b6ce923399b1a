#include "pipe_stream.hpp"

#include <weft/core/error.hpp>
#include <weft/core/pipe.hpp>

#include <fcntl.h>
#include <unistd.h>

namespace weft {

Pipe make_pipe() {
    int fds[2];
    if (::pipe2(fds, O_CLOEXEC | O_NONBLOCK) != 0) throw_errno("make a pipe");
    UniqueFd read_end(fds[0]);
    UniqueFd write_end(fds[1]);
    return Pipe(detail::make_pipe_reader(std::move(read_end), "pipe"),
                detail::make_pipe_writer(std::move(write_end), "pipe"));
}

std::unique_ptr<Stream> adopt_pipe_reader(UniqueFd fd, std::string name) {
    return detail::make_pipe_reader(std::move(fd), std::move(name));
}

std::unique_ptr<Stream> adopt_pipe_writer(UniqueFd fd, std::string name) {
    return detail::make_pipe_writer(std::move(fd), std::move(name));
}

}  // namespace weft
