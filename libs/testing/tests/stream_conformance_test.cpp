#include <weft/core/connect.hpp>
#include <weft/core/listener.hpp>
#include <weft/testing/stream_conformance.hpp>

#include <string>

#include <sys/socket.h>
#include <unistd.h>

namespace weft::testing {
namespace {

Task<StreamPair> memory_pair() { co_return memory_stream_pair(); }

Task<StreamPair> listener_pair(SocketAddress address) {
    Listener listener(address);
    auto client = co_await connect(listener.local_address());
    auto server = co_await listener.accept();
    co_return StreamPair(std::move(client), std::move(server));
}

Task<StreamPair> tcp_pair() { return listener_pair(SocketAddress::loopback(0)); }

Task<StreamPair> unix_pair() {
    static int count = 0;
    return listener_pair(SocketAddress::unix_abstract("weft-conformance-" + std::to_string(::getpid()) + "-" +
                                                      std::to_string(++count)));
}

Task<StreamPair> socketpair_pair() {
    int fds[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0) throw_errno("socketpair");
    auto first = adopt_socket(UniqueFd(fds[0]));
    auto second = adopt_socket(UniqueFd(fds[1]));
    co_return StreamPair(std::move(first), std::move(second));
}

WEFT_STREAM_CONFORMANCE(MemoryStreamConformance, memory_pair);
WEFT_STREAM_CONFORMANCE(TcpStreamConformance, tcp_pair);
WEFT_STREAM_CONFORMANCE(UnixStreamConformance, unix_pair);
WEFT_STREAM_CONFORMANCE(SocketpairConformance, socketpair_pair);

}  // namespace
}  // namespace weft::testing
