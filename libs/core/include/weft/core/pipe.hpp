// Pipes and other one-way descriptors as streams.
#pragma once

#include <weft/core/stream.hpp>
#include <weft/core/unique_fd.hpp>

#include <memory>
#include <string>
#include <utility>

namespace weft {

// What is written to one end is read from the other. Using an end in the wrong direction throws UsageError.
// Writing to a pipe that nobody reads throws SystemError (EPIPE), without a signal.
struct Pipe {
    Pipe(std::unique_ptr<Stream> r, std::unique_ptr<Stream> w) noexcept
        : reader(std::move(r)), writer(std::move(w)) {}
    std::unique_ptr<Stream> reader;
    std::unique_ptr<Stream> writer;
};

// Throws SystemError.
[[nodiscard]] Pipe make_pipe();

// One end that comes from elsewhere: a FIFO that was opened, a terminal, a dup() of stdin. Makes it
// non-blocking, which everyone who shares it sees. `name` is for messages. Regular files are not for here:
// see read_file(). Throws SystemError.
[[nodiscard]] std::unique_ptr<Stream> adopt_pipe_reader(UniqueFd fd, std::string name);
[[nodiscard]] std::unique_ptr<Stream> adopt_pipe_writer(UniqueFd fd, std::string name);

}  // namespace weft
