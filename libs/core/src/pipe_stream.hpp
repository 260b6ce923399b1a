// One end of a pipe as a stream that goes one way.
#pragma once

#include <weft/core/stream.hpp>
#include <weft/core/unique_fd.hpp>

#include <memory>
#include <string>

namespace weft::detail {

// `what` is the text for peer() and messages ("stdout of ping").
[[nodiscard]] std::unique_ptr<Stream> make_pipe_reader(UniqueFd pipe, std::string what);
[[nodiscard]] std::unique_ptr<Stream> make_pipe_writer(UniqueFd pipe, std::string what);

}  // namespace weft::detail
