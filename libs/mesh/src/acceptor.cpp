#include "acceptor.hpp"

#include "websocket_stream.hpp"

#include <weft/core/error.hpp>
#include <weft/core/task_group.hpp>
#include <weft/core/timeout.hpp>
#include <weft/core/tls_stream.hpp>
#include <weft/mesh/error.hpp>

#include <utility>

namespace weft::mesh {

bool proves_name(const Link& link, std::string_view name) noexcept {
    if (link.proves(name)) return true;
    const std::size_t sign = name.rfind('#');
    if (sign == std::string_view::npos) return false;
    const std::string_view number = name.substr(sign + 1);
    // As SharedClient counts: no second spelling of a number, and the first thread has none.
    constexpr std::size_t most_digits = 9;
    const bool counted = !number.empty() && number.size() <= most_digits && number[0] != '0' &&
                         number != "1" && number.find_first_not_of("0123456789") == std::string_view::npos;
    return counted && link.proves(name.substr(0, sign));
}

void Acceptor::start(std::shared_ptr<Acceptor> self, Accepted accepted,
                     std::function<std::string()> metrics) {
    if (listener_) throw InitializationError(options_.name + ": it was started already");
    listener_.emplace(options_.listen_address());
    auto web = std::make_shared<WebAccess>();
    web->origins = options_.web_origins;
    web->token = options_.token;
    if (options_.metrics) web->metrics = std::move(metrics);
    web_ = std::move(web);
    task_ = spawn(accept_loop(std::move(self), std::move(accepted)), options_.name + " accepts");
}

Task<void> Acceptor::greet(std::shared_ptr<Acceptor> self, std::unique_ptr<Stream> stream,
                           const Accepted& accepted) {
    const std::string peer = stream->peer();
    try {
        auto tls = co_await timeout(self->options_.handshake_timeout,
                                    tls_accept(std::move(stream), *self->options_.tls));
        // Not the common name: it is free text, no identity (RFC 9525 section 2).
        std::vector<std::string> names;
        if (auto certificate = tls->peer_certificate()) names = std::move(certificate->dns_names);
        auto link = std::make_shared<Link>(std::move(tls), LinkRole::server, self->options_.stall_limit,
                                           std::move(names));
        link->allow_web(self->web_);
        accepted(std::move(link));
    } catch (const weft::Error& error) {
        self->options_.log(self->options_.name + ": refused " + peer + ": " + error.what());
    }
}

Task<void> Acceptor::accept_loop(std::shared_ptr<Acceptor> self, Accepted accepted) {
    auto body = [&](TaskGroup& greetings) -> Task<void> {
        for (;;) {
            auto stream = co_await self->listener_->accept();
            if (self->options_.tls) {
                greetings.spawn(greet(self, std::move(stream), accepted), "mesh TLS handshake");
                continue;
            }
            auto link =
                std::make_shared<Link>(std::move(stream), LinkRole::server, self->options_.stall_limit);
            link->allow_web(self->web_);
            accepted(std::move(link));
        }
    };
    try {
        co_await with_task_group(body);
    } catch (const ClosedError&) {
    } catch (const Cancelled&) {
    } catch (...) {
        self->error_ = std::current_exception();
    }
    self->listener_->close();
    accepted = nullptr;  // which holds the owner
    self->stopped_.set();
}

void Acceptor::stop() noexcept {
    if (listener_) listener_->close();
}

Task<void> Acceptor::stopped(std::shared_ptr<Acceptor> self) {
    if (!self->listener_) co_return;
    co_await self->stopped_.wait();
    if (self->error_) std::rethrow_exception(self->error_);
}

}  // namespace weft::mesh
