// resolve(): a host's name becomes addresses, on the loop and without a thread.
#pragma once

#include <weft/core/error.hpp>
#include <weft/core/socket_address.hpp>
#include <weft/core/task.hpp>
#include <weft/core/timer.hpp>

#include <chrono>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace weft {

// A name has no addresses, or could not be asked for.
class ResolveError : public Error {
public:
    enum class Reason {
        not_found,     // the name does not exist
        no_address,    // it exists, without an address of the wanted family
        bad_name,      // no host can have that name
        timed_out,     // no name server answered
        unreachable,   // no name server could be asked
        server_error,  // a server refused or answered nonsense
    };
    ResolveError(Reason reason, const std::string& what) : Error(what), reason_(reason) {}
    [[nodiscard]] Reason reason() const noexcept { return reason_; }

private:
    Reason reason_;
};

class ResolveOptions {
public:
    enum class Family { any, ipv4, ipv6 };
    ResolveOptions() {}

    ResolveOptions&& family(Family f) && noexcept { return family_ = f, std::move(*this); }
    // For the first try with each server; it doubles with each of the `tries`.
    ResolveOptions&& try_timeout(Duration d) && noexcept { return try_timeout_ = d, std::move(*this); }
    ResolveOptions&& tries(int n) && noexcept { return tries_ = n, std::move(*this); }
    // "host:port,host:port" (literals) instead of resolv.conf's servers.
    ResolveOptions&& servers(std::string list) && { return servers_ = std::move(list), std::move(*this); }

    [[nodiscard]] Family family() const noexcept { return family_; }
    [[nodiscard]] Duration try_timeout() const noexcept { return try_timeout_; }
    [[nodiscard]] int tries() const noexcept { return tries_; }
    [[nodiscard]] const std::string& servers() const noexcept { return servers_; }

private:
    Family family_ = Family::any;
    Duration try_timeout_ = std::chrono::seconds(2);
    int tries_ = 3;
    std::string servers_;
};

// The addresses of `host` with `port`, best first (RFC 6724). IP literals, also in brackets, are answered at
// once; then /etc/hosts, then the name servers of resolv.conf with its search list. "localhost" and the names
// below it need neither and ask no server (RFC 6761 section 6.3). Throws ResolveError. Cancelling drops the
// query.
[[nodiscard]] Task<std::vector<SocketAddress>> resolve(std::string host, std::uint16_t port,
                                                       ResolveOptions options = ResolveOptions());

}  // namespace weft
