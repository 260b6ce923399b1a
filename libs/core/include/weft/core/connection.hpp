// Connection: the reader and the writer of one stream; open_connection() makes one to a host's name.
#pragma once

#include <weft/core/socket_address.hpp>
#include <weft/core/stream_reader.hpp>
#include <weft/core/stream_writer.hpp>
#include <weft/core/timer.hpp>
#include <weft/core/tls_context.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace weft {

struct ConnectionLimits {
    std::size_t read_limit = StreamReader::default_limit;
    WriterLimits write = WriterLimits();
};

// Destroying it aborts the connection.
struct Connection {
    Connection(StreamReader r, StreamWriter w) noexcept : reader(std::move(r)), writer(std::move(w)) {}
    explicit Connection(std::unique_ptr<Stream> stream, ConnectionLimits limits = ConnectionLimits());

    StreamReader reader;
    StreamWriter writer;
};

// RFC 8305 5: the pause before the next address is tried beside those that have not answered.
inline constexpr Duration connection_attempt_delay = std::chrono::milliseconds(250);

// Connects to the first address that answers: tries them in the given order, families alternating, the next
// one whenever one failed or has not answered for `delay`; the others are cancelled ("happy eyeballs").
// Throws SystemError that lists every failure.
[[nodiscard]] Task<std::unique_ptr<Stream>> connect_any(std::vector<SocketAddress> addresses,
                                                        Duration delay = connection_attempt_delay);

// resolve(), then connect_any(). `host` is a name or an IP literal. Throws ResolveError and SystemError;
// limit the time with timeout().
[[nodiscard]] Task<std::unique_ptr<Stream>> connect_host(std::string host, std::uint16_t port);

// asyncio.open_connection: `auto [reader, writer] = co_await open_connection("sw1", 22);`
[[nodiscard]] Task<Connection> open_connection(std::string host, std::uint16_t port,
                                               ConnectionLimits limits = ConnectionLimits());
[[nodiscard]] Task<Connection> open_connection(SocketAddress to,
                                               ConnectionLimits limits = ConnectionLimits());
// The same, and then tls_connect() with `host` as the server's name; throws what that throws too.
[[nodiscard]] Task<Connection> open_connection(std::string host, std::uint16_t port, TlsContext tls,
                                               ConnectionLimits limits = ConnectionLimits());

}  // namespace weft
