#include "tls_pair.hpp"

#include <weft/core/connect.hpp>
#include <weft/core/listener.hpp>
#include <weft/testing/fragmented_stream.hpp>
#include <weft/testing/stream_conformance.hpp>

namespace weft::testing {
namespace {

Task<StreamPair> as_streams(Task<TlsPair> making) {
    auto pair = co_await std::move(making);
    co_return StreamPair(std::move(pair.client), std::move(pair.server));
}

Task<StreamPair> over_memory() {
    return as_streams(tls_over(memory_stream_pair(), client_context(), server_context()));
}

// The other end first: what holds for clients holds for servers.
Task<StreamPair> over_memory_server_first() {
    auto pair = co_await tls_over(memory_stream_pair(), client_context(), server_context());
    co_return StreamPair(std::move(pair.server), std::move(pair.client));
}

// Records arrive in pieces, and hardly anything fits underneath.
Task<StreamPair> over_small_pieces() {
    MemoryStreamOptions options;
    // Room for a ticket and a small record: the scenarios write a little before anyone reads.
    options.capacity = 600;
    options.chunk = 13;
    return as_streams(tls_over(memory_stream_pair(options), client_context(), server_context()));
}

Task<StreamPair> over_tls1_2() {
    return as_streams(
        tls_over(memory_stream_pair(), client_context().max_version(TlsVersion::tls1_2), server_context()));
}

Task<StreamPair> tcp_pair() {
    Listener listener(SocketAddress::loopback(0));
    auto client = co_await connect(listener.local_address());
    auto server = co_await listener.accept();
    co_return StreamPair(std::move(client), std::move(server));
}

Task<StreamPair> over_tcp() {
    auto pair = co_await tcp_pair();
    auto tls = co_await tls_over(std::move(pair), client_context(), server_context());
    co_return StreamPair(std::move(tls.client), std::move(tls.server));
}

// TLS through TLS, as through an HTTPS proxy.
Task<StreamPair> over_tls() {
    auto outer = co_await over_memory();
    auto tls = co_await tls_over(std::move(outer), client_context(), server_context());
    co_return StreamPair(std::move(tls.client), std::move(tls.server));
}

WEFT_STREAM_CONFORMANCE(TlsOverMemory, over_memory);
WEFT_STREAM_CONFORMANCE(TlsOverMemoryServerFirst, over_memory_server_first);
WEFT_STREAM_CONFORMANCE(TlsOverSmallPieces, over_small_pieces);
WEFT_STREAM_CONFORMANCE(Tls12OverMemory, over_tls1_2);
WEFT_STREAM_CONFORMANCE(TlsOverTcp, over_tcp);
WEFT_STREAM_CONFORMANCE(TlsOverTls, over_tls);

}  // namespace
}  // namespace weft::testing
