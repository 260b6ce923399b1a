#include "acceptor.hpp"

#include <weft/core/error.hpp>
#include <weft/core/task_group.hpp>
#include <weft/core/timeout.hpp>
#include <weft/core/tls_stream.hpp>
#include <weft/mesh/error.hpp>

namespace weft::mesh {

void Acceptor::start(std::shared_ptr<Acceptor> self, Accepted accepted) {
    if (listener_) throw InitializationError(options_.name + ": it was started already");
    listener_.emplace(options_.listen_address());
    accepted_ = std::move(accepted);
    task_ = spawn(accept_loop(std::move(self)), options_.name + " accepts");
}

namespace {

// The DNS names, and the common name of "CN=w1,O=lab".
std::vector<std::string> names_of(const TlsCertificate& certificate) {
    std::vector<std::string> names = certificate.dns_names;
    const std::size_t at = certificate.subject.find("CN=");
    if (at == 0 || (at != std::string::npos && certificate.subject[at - 1] == ',')) {
        const std::size_t end = certificate.subject.find(',', at);
        names.push_back(certificate.subject.substr(at + 3, end == std::string::npos ? end : end - at - 3));
    }
    return names;
}

}  // namespace

Task<void> Acceptor::greet(std::shared_ptr<Acceptor> self, std::unique_ptr<Stream> stream) {
    const std::string peer = stream->peer();
    try {
        auto tls = co_await timeout(self->options_.handshake_timeout,
                                    tls_accept(std::move(stream), *self->options_.tls));
        std::vector<std::string> names;
        if (const auto certificate = tls->peer_certificate()) names = names_of(*certificate);
        auto link = std::make_shared<Link>(std::move(tls), LinkRole::server, self->options_.stall_limit,
                                           std::move(names));
        self->accepted_(std::move(link));
    } catch (const weft::Error& error) {
        self->options_.log(self->options_.name + ": refused " + peer + ": " + error.what());
    }
}

Task<void> Acceptor::accept_loop(std::shared_ptr<Acceptor> self) {
    auto body = [&](TaskGroup& greetings) -> Task<void> {
        for (;;) {
            auto stream = co_await self->listener_->accept();
            if (self->options_.tls) {
                greetings.spawn(greet(self, std::move(stream)), "mesh TLS handshake");
                continue;
            }
            self->accepted_(
                std::make_shared<Link>(std::move(stream), LinkRole::server, self->options_.stall_limit));
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
    self->accepted_ = nullptr;  // which holds the owner
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
