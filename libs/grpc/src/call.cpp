#include "client_call.hpp"

#include <weft/grpc/call.hpp>

namespace weft::grpc {

const Metadata& Call::take_initial(detail::ClientCall& call) { return call.initial_metadata(); }
const Metadata& Call::take_trailing(detail::ClientCall& call) { return call.trailing_metadata(); }
const Status& Call::take_status(detail::ClientCall& call) { return call.status(); }
StatusCode Call::take_code(detail::ClientCall& call) { return call.status().code(); }
const std::string& Call::take_details(detail::ClientCall& call) { return call.status().details(); }
void Call::take_connected(detail::ClientCall& call) { detail::throw_unless_ok(call); }

bool Call::cancel() noexcept {
    if (call_->ended()) return false;
    detail::cancel_call(*call_);
    return true;
}

bool Call::cancelled() const noexcept {
    return call_->ended() && call_->status().code() == StatusCode::cancelled;
}

bool Call::done() const noexcept { return call_->ended(); }

std::optional<Duration> Call::time_remaining() const noexcept {
    const auto& deadline = call_->deadline();
    if (!deadline) return std::nullopt;
    return std::max(Duration::zero(), *deadline - Clock::now());
}

bool Call::last_response_compressed() const noexcept { return call_->last_compressed(); }

std::string Call::peer() const { return call_->peer(); }

}  // namespace weft::grpc
