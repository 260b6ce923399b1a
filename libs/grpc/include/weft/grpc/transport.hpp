// Transport: how a channel gets a connection, where that is not a socket of its own: memory, a tunnel, a
// connection that the server opened.
#pragma once

#include <weft/core/stream.hpp>
#include <weft/core/task.hpp>
#include <weft/grpc/transport_ref.hpp>

#include <cstddef>
#include <memory>

namespace weft::grpc {

// For ChannelOptions::transport(). Shared by what uses it.
class Transport {
public:
    Transport() = default;
    Transport(const Transport&) = delete;
    Transport& operator=(const Transport&) = delete;
    virtual ~Transport() = default;

    // A new connection to the server; on it HTTP/2 (and the channel's TLS, if it has any) begins. A
    // weft::Error is a failed attempt: the channel tries again after its backoff.
    virtual Task<std::unique_ptr<Stream>> connect() = 0;
    // Nobody else can read what it carries: call credentials may go over it.
    [[nodiscard]] virtual bool confidential() const noexcept { return false; }

private:
    friend class TransportRef;
    std::size_t refs_ = 0;
};

}  // namespace weft::grpc
