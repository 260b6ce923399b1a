// Serving on sockets that somebody else has opened: systemd's socket activation, or a parent process.
//
//     auto sockets = weft::grpc::inherited_listeners();
//     for (auto& socket : sockets) weft::grpc::add_listener(server, std::move(socket.listener));
#pragma once

#include <weft/core/listener.hpp>
#include <weft/core/tls_context.hpp>
#include <weft/grpc/server.hpp>

#include <string>
#include <utility>
#include <vector>

namespace weft::grpc {

struct InheritedListener {
    InheritedListener(std::string n, Listener socket) noexcept
        : name(std::move(n)), listener(std::move(socket)) {}
    std::string name;  // FileDescriptorName=; empty when nobody named it
    Listener listener;
};

// The sockets that systemd hands over (sd_listen_fds(3)): descriptors from 3 on, as LISTEN_FDS counts them,
// when LISTEN_PID is this process. Empty when there are none. They are taken over: a second call gives
// nothing, as the variables are removed from the environment (not while another thread uses it). Throws
// SystemError for a descriptor that is no listening stream socket.
[[nodiscard]] std::vector<InheritedListener> inherited_listeners();

// As Server::add_insecure_port() and add_secure_port(), on a socket that listens already. Gives its port; 0
// for unix sockets.
int add_listener(Server& server, Listener socket);
int add_listener(Server& server, Listener socket, const TlsContext& tls);

}  // namespace weft::grpc
