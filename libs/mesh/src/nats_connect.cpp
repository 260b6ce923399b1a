#include "nats_connect.hpp"

#include "nats_stream.hpp"

#include <weft/core/connection.hpp>
#include <weft/core/timeout.hpp>
#include <weft/core/tls_stream.hpp>
#include <weft/mesh/error.hpp>

#include <span>

namespace weft::mesh {

namespace {

constexpr std::size_t max_info = std::size_t{64} << 10;

Task<NatsConnection> open(NatsServer server, NatsTls tls) {
    auto stream = co_await connect_host(server.host, server.port);
    std::string said;
    std::size_t end = 0;
    while ((end = said.find("\r\n")) == std::string::npos) {
        std::byte room[4096];
        const std::size_t n = co_await stream->read_some(room);
        if (n == 0) throw Error("it closed the connection before it said what it is");
        said.append(reinterpret_cast<const char*>(room), n);
        if (said.size() > max_info) throw Error("that is no NATS server");
    }
    const std::string line = said.substr(0, end);
    std::string rest = said.substr(end + 2);
    if (line.starts_with("-ERR")) throw Error("the NATS server says " + line.substr(4));
    if (!line.starts_with("INFO ")) throw Error("that is no NATS server");
    NatsInfo info(std::string_view(line).substr(5));
    if (!info.headers) throw Error("the NATS server is older than 2.2: it has no headers");
    if (info.max_payload < nats_least_payload)
        throw Error("the NATS server's max_payload, " + std::to_string(info.max_payload) +
                    " bytes, is too small: set it to " + std::to_string(nats_least_payload) + " at least");
    const bool demanded = server.tls || tls.context.has_value();
    if (demanded && !info.tls_required && !info.tls_available)
        throw Error("the NATS server has no TLS, which is asked for");
    if (demanded || info.tls_required) {
        // Whoever sits in between could have put that there.
        if (!rest.empty()) throw Error("the NATS server spoke before TLS was set up");
        TlsContext context = tls.context ? *tls.context : TlsContext::client();
        std::string name = !tls.name.empty()          ? tls.name
                           : !server.tls_name.empty() ? server.tls_name
                                                      : server.host;
        auto secure = co_await tls_connect(std::move(stream), std::move(context), std::move(name));
        stream = std::move(secure);
    }
    NatsConnection out(std::move(stream), std::move(info), std::move(rest));
    co_return out;
}

}  // namespace

Task<NatsConnection> nats_connect(NatsServer server, NatsTls tls, Duration limit) {
    return timeout(limit, open(std::move(server), std::move(tls)));
}

}  // namespace weft::mesh
