#include "server_state.hpp"

#include <weft/core/error.hpp>
#include <weft/grpc/socket_activation.hpp>

#include <algorithm>
#include <charconv>
#include <cstdlib>

#include <unistd.h>

namespace weft::grpc {

namespace {

// SD_LISTEN_FDS_START
constexpr int first_descriptor = 3;

long number_of(const char* text) noexcept {
    if (!text) return -1;
    const std::string_view digits(text);
    long value = -1;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    return error == std::errc() && end == digits.data() + digits.size() ? value : -1;
}

}  // namespace

std::vector<InheritedListener> inherited_listeners() {
    std::vector<InheritedListener> taken;
    const long count = number_of(std::getenv("LISTEN_FDS"));
    constexpr long most = 4096;
    if (count <= 0 || count > most || number_of(std::getenv("LISTEN_PID")) != ::getpid()) return taken;
    const char* names_text = std::getenv("LISTEN_FDNAMES");
    std::string_view names = names_text ? names_text : "";
    for (int i = 0; i < count; ++i) {
        const std::string_view name = names.substr(0, names.find(':'));
        names.remove_prefix(std::min(names.size(), name.size() + 1));
        taken.emplace_back(std::string(name), Listener::adopt(UniqueFd(first_descriptor + i)));
    }
    for (const char* variable : {"LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES"}) ::unsetenv(variable);
    return taken;
}

int add_listener(Server& server, Listener socket) { return server.state().add_port(std::move(socket)); }
int add_listener(Server& server, Listener socket, const TlsContext& tls) {
    if (!tls.is_server()) throw UsageError("add_listener() with a client's TlsContext");
    return server.state().add_port(std::move(socket), tls);
}

}  // namespace weft::grpc
