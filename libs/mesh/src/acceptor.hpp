// Acceptor: a server's listening side, and the links that came through it.
#pragma once

#include "link.hpp"
#include "node.hpp"

#include <weft/core/event.hpp>
#include <weft/core/listener.hpp>
#include <weft/core/spawn.hpp>

#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>
#include <unordered_set>

namespace weft::mesh {

// Whether the peer's certificate lets it join as `name`: one of its DNS names, or such a name with "#2" and
// so on behind it, which a mesh::sync client's other threads have. No certificate holds that for another: '#'
// is no sign of DNS names.
[[nodiscard]] bool proves_name(const Link& link, std::string_view name) noexcept;

class Acceptor {
public:
    explicit Acceptor(const OptionsAccess& options) : options_(options) {}

    // Calls `accepted` with each link, which it must start. `self` is what keeps this acceptor alive.
    using Accepted = std::function<void(std::shared_ptr<Link>)>;
    // `metrics` gives the text for Prometheus, where the options want that.
    void start(std::shared_ptr<Acceptor> self, Accepted accepted, std::function<std::string()> metrics);
    [[nodiscard]] std::uint16_t port() const noexcept { return listener_ ? listener_->port() : 0; }
    [[nodiscard]] bool running() const noexcept { return listener_ && !stopped_.is_set(); }

    // Stops listening; connections that stand are the owner's.
    void stop() noexcept;
    static Task<void> stopped(std::shared_ptr<Acceptor> self);

private:
    // `accepted` holds the owner, and the owner this: so the task holds it, which goes with the loop at the
    // latest.
    static Task<void> accept_loop(std::shared_ptr<Acceptor> self, Accepted accepted);
    // The handshake of TLS, beside those of others: none waits for another's.
    static Task<void> greet(std::shared_ptr<Acceptor> self, std::unique_ptr<Stream> stream,
                            const Accepted& accepted);

    const OptionsAccess& options_;  // the owner's, which outlives this
    std::optional<Listener> listener_;
    std::shared_ptr<const WebAccess> web_;
    TaskHandle<void> task_;
    Event stopped_;
    std::exception_ptr error_;
};

}  // namespace weft::mesh
