#include "server_call.hpp"

#include <weft/core/error.hpp>
#include <weft/grpc/call_options.hpp>
#include <weft/grpc/server_context.hpp>

#include <algorithm>

namespace weft::grpc {

std::string_view ServerContext::method() const noexcept { return call_.method(); }
const Metadata& ServerContext::invocation_metadata() const noexcept { return call_.metadata(); }
const std::string& ServerContext::peer() const noexcept { return call_.peer(); }
const std::vector<std::string>& ServerContext::peer_identities() const noexcept {
    return call_.peer_identities();
}
TransportSecurity ServerContext::transport_security() const noexcept { return call_.transport_security(); }
const std::string& ServerContext::authority() const noexcept { return call_.authority(); }
std::optional<TimePoint> ServerContext::deadline() const noexcept { return call_.deadline(); }

std::optional<Duration> ServerContext::time_remaining() const noexcept {
    const auto when = call_.deadline();
    if (!when) return std::nullopt;
    return std::max(Duration::zero(), *when - Clock::now());
}

bool ServerContext::cancelled() const noexcept { return call_.over(); }

void ServerContext::send_initial_metadata(const Metadata& metadata) {
    if (call_.over()) throw Cancelled();
    call_.send_headers(metadata);
}

void ServerContext::set_trailing_metadata(Metadata metadata) { call_.set_trailing(std::move(metadata)); }

const Metadata& ServerContext::trailing_metadata() const noexcept { return call_.trailing(); }
void ServerContext::set_code(StatusCode code) noexcept {
    call_.set_outcome(Status(code, call_.outcome().details(), call_.outcome().details_bin()));
}
void ServerContext::set_details(std::string details) {
    call_.set_outcome(Status(call_.outcome().code(), std::move(details), call_.outcome().details_bin()));
}
StatusCode ServerContext::code() const noexcept { return call_.outcome().code(); }
const std::string& ServerContext::details() const noexcept { return call_.outcome().details(); }
void ServerContext::set_compression(Compression algorithm) { call_.set_compression(algorithm); }
bool ServerContext::last_request_compressed() const noexcept { return call_.last_compressed(); }

void ServerContext::disable_next_message_compression() noexcept { call_.skip_compression(); }

void ServerContext::abort_with_status(Status status) {
    throw RpcError(status.code(), status.details(), status.details_bin());
}

CallOptions&& CallOptions::parent(const ServerContext& context) && {
    if (const auto limit = context.deadline()) deadline_ = std::min(deadline_.value_or(*limit), *limit);
    return std::move(*this);
}

void ServerContext::abort(StatusCode code, std::string details, std::string details_bin) {
    throw RpcError(code, std::move(details), std::move(details_bin));
}

namespace detail {

ServerContext& context_of(ServerCall& call) noexcept { return call.context(); }
bool answers_ok(ServerCall& call) noexcept { return call.outcome().ok(); }
std::byte* server_prepare_message(ServerCall& call, std::size_t size) { return call.prepare_message(size); }
void server_commit_message(ServerCall& call, std::size_t size) { call.commit_message(size); }
std::optional<std::span<const std::byte>> server_front_message(ServerCall& call) {
    return call.front_message();
}
void server_pop_message(ServerCall& call) noexcept { call.pop_message(); }
void throw_unparsable_request() {
    throw RpcError(StatusCode::internal, "the request does not parse as its message type");
}

bool ServerWait::ready() {
    if (call_.happened(event_)) return true;
    if (call_.waiter(event_))
        throw UsageError(call_.method() + ": two tasks wait for the same direction of one call");
    return false;
}

void ServerWait::link() noexcept {
    linked_ = true;
    call_.waiter(event_) = this;
    if (event_ == ServerEvent::readable) call_.settle_window();
}

// The call outlives its handler, but not what the handler spawned and left behind; those were cancelled
// before.
void ServerWait::unlink() noexcept {
    if (!linked_) return;
    linked_ = false;
    if (call_.waiter(event_) == this) call_.waiter(event_) = nullptr;
}

}  // namespace detail
}  // namespace weft::grpc
