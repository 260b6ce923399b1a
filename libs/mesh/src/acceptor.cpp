#include "acceptor.hpp"

#include <weft/core/error.hpp>
#include <weft/mesh/error.hpp>

namespace weft::mesh {

void Acceptor::start(std::shared_ptr<Acceptor> self, Accepted accepted) {
    if (listener_) throw InitializationError(options_.name + ": it was started already");
    listener_.emplace(options_.listen_address());
    accepted_ = std::move(accepted);
    task_ = spawn(accept_loop(std::move(self)), options_.name + " accepts");
}

Task<void> Acceptor::accept_loop(std::shared_ptr<Acceptor> self) {
    try {
        for (;;) {
            auto stream = co_await self->listener_->accept();
            auto link =
                std::make_shared<Link>(std::move(stream), LinkRole::server, self->options_.stall_limit);
            self->accepted_(std::move(link));
        }
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
