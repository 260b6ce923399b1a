// Connecting to one server of a NATS cluster: INFO, then TLS where it is wanted.
#pragma once

#include "nats_protocol.hpp"

#include <weft/core/stream.hpp>
#include <weft/core/task.hpp>
#include <weft/core/timer.hpp>
#include <weft/core/tls_context.hpp>

#include <memory>
#include <optional>
#include <string>

namespace weft::mesh {

struct NatsConnection {
    NatsConnection(std::unique_ptr<Stream> s, NatsInfo i, std::string r)
        : stream(std::move(s)), info(std::move(i)), rest(std::move(r)) {}
    std::unique_ptr<Stream> stream;
    NatsInfo info;
    std::string rest;  // read behind INFO
};

// How a server's certificate is looked at; `name` empty: the server's host is to be in it.
struct NatsTls {
    NatsTls(std::optional<TlsContext> c, std::string n) : context(std::move(c)), name(std::move(n)) {}
    std::optional<TlsContext> context;  // given: TLS is demanded
    std::string name;
};

// Throws what connecting and TLS throw, Error when the server cannot be used, TimeoutError after `limit`.
[[nodiscard]] Task<NatsConnection> nats_connect(NatsServer server, NatsTls tls, Duration limit);

}  // namespace weft::mesh
