// connect(): a stream to an address. For a host's name see open_connection().
#pragma once

#include <weft/core/socket_address.hpp>
#include <weft/core/stream.hpp>
#include <weft/core/task.hpp>
#include <weft/core/unique_fd.hpp>

#include <memory>

namespace weft {

// Connects a TCP or unix stream. TCP streams have TCP_NODELAY. Throws SystemError, whose message names the
// address and says what to look at; UsageError for an address that cannot be connected to. There is no time
// limit but the kernel's (about two minutes): use timeout(). Cancelling closes the socket.
[[nodiscard]] Task<std::unique_ptr<Stream>> connect(SocketAddress to);

// Makes a stream of a connected stream socket that came from elsewhere (socketpair, socket activation, SSH).
// Throws SystemError when it is not one.
[[nodiscard]] std::unique_ptr<Stream> adopt_socket(UniqueFd socket);

}  // namespace weft
