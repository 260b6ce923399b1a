#include <weft/core/error.hpp>
#include <weft/grpc/blocking.hpp>

#include <algorithm>

namespace weft::grpc {

namespace detail {

void BlockingBridge::submit(std::unique_ptr<BlockingOperation> operation) {
    const std::lock_guard lock(mutex_);
    // The lock keeps close() waiting, so the loop lives.
    if (!loop_) throw Cancelled();
    loop_->post([self = shared_from_this(), operation = std::move(operation)]() mutable {
        if (self->closed()) return;
        self->operations_.push_back(std::move(operation));
        self->changed_.set();
    });
}

void BlockingBridge::finish() noexcept {
    try {
        const std::lock_guard lock(mutex_);
        if (!loop_) return;
        loop_->post([self = shared_from_this()] {
            self->finished_ = true;
            self->changed_.set();
        });
    } catch (...) {  // without memory the handler waits for its client or its deadline
    }
}

bool BlockingBridge::closed() const noexcept {
    const std::lock_guard lock(mutex_);
    return loop_ == nullptr;
}

Task<void> BlockingBridge::serve() {
    for (;;) {
        while (!operations_.empty()) {
            const std::unique_ptr<BlockingOperation> operation = std::move(operations_.front());
            operations_.pop_front();
            co_await operation->run();
        }
        if (finished_) co_return;
        changed_.clear();
        co_await changed_.wait();
    }
}

void BlockingBridge::close() noexcept {
    {
        const std::lock_guard lock(mutex_);
        loop_ = nullptr;
    }
    operations_.clear();  // who waits for them gets Cancelled
}

}  // namespace detail

namespace {

Task<void> send_headers(ServerContext* context, Metadata metadata) {
    context->send_initial_metadata(metadata);
    co_return;
}
Task<void> set_trailers(ServerContext* context, Metadata metadata) {
    context->set_trailing_metadata(std::move(metadata));
    co_return;
}
Task<void> set_status_code(ServerContext* context, StatusCode code) {
    context->set_code(code);
    co_return;
}
Task<void> set_status_details(ServerContext* context, std::string details) {
    context->set_details(std::move(details));
    co_return;
}

}  // namespace

BlockingContext::BlockingContext(std::shared_ptr<detail::BlockingBridge> bridge, ServerContext& context)
    : bridge_(std::move(bridge)),
      context_(&context),
      method_(context.method()),
      metadata_(context.invocation_metadata()),
      peer_(context.peer()),
      identities_(context.peer_identities()),
      deadline_(context.deadline()) {}

std::optional<Duration> BlockingContext::time_remaining() const noexcept {
    if (!deadline_) return std::nullopt;
    return std::max(Duration::zero(), *deadline_ - Clock::now());
}

void BlockingContext::send_initial_metadata(Metadata metadata) {
    bridge_->on_loop([context = context_, &metadata] { return send_headers(context, std::move(metadata)); });
}
void BlockingContext::set_trailing_metadata(Metadata metadata) {
    bridge_->on_loop([context = context_, &metadata] { return set_trailers(context, std::move(metadata)); });
}
void BlockingContext::set_code(StatusCode code) {
    bridge_->on_loop([context = context_, code] { return set_status_code(context, code); });
}
void BlockingContext::set_details(std::string details) {
    bridge_->on_loop(
        [context = context_, &details] { return set_status_details(context, std::move(details)); });
}
void BlockingContext::abort(StatusCode code, std::string details, std::string details_bin) {
    throw RpcError(code, std::move(details), std::move(details_bin));
}

}  // namespace weft::grpc
