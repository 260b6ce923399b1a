// The functions of detail/call_core.hpp: what headers know of a ClientCall.
#include "channel_core.hpp"
#include "client_call.hpp"

#include <weft/core/error.hpp>
#include <weft/grpc/detail/call_core.hpp>

namespace weft::grpc::detail {

ClientCallPtr new_call(ChannelCore& channel, CallKind kind, std::string_view method, CallOptions&& options) {
    return ClientCallPtr(new ClientCall(channel, kind, method, std::move(options)));
}
void launch(ClientCall& call) { call.launch(); }
std::byte* prepare_message(ClientCall& call, std::size_t size) { return call.prepare_message(size); }
void commit_message(ClientCall& call, std::size_t size) noexcept { call.commit_message(size); }
void half_close(ClientCall& call) noexcept { call.half_close(); }
std::optional<std::span<const std::byte>> front_message(ClientCall& call) noexcept {
    return call.front_message();
}
void pop_message(ClientCall& call) noexcept { call.pop_message(); }
void skip_compression(ClientCall& call) noexcept { call.skip_compression(); }
void add_done_callback(ClientCall& call, Pimpl<DoneCallback> callback) {
    call.add_done_callback(std::move(callback));
}
void throw_status(ClientCall& call) { call.throw_status(); }
void throw_unless_ok(ClientCall& call) {
    if (!call.status().ok()) call.throw_status();
}
void cancel_call(ClientCall& call) noexcept {
    if (!call.ended()) call.fail(Status(StatusCode::cancelled, "Locally cancelled by application!"));
}
void throw_unparsable(ClientCall& call) {
    call.fail(Status(StatusCode::internal, "the response does not parse as its message type"));
    call.throw_status();
}

bool CallWait::ready() {
    if (call_->happened(event_)) return true;
    if (event_ == CallEvent::message && call_->has_reader())
        throw UsageError(call_->method() + ": two tasks read the responses of one call");
    return false;
}
void CallWait::link() noexcept { call_->add_wait(*this); }
void CallWait::throw_dropped() { throw ClosedError("the call object was dropped while a task waited on it"); }

}  // namespace weft::grpc::detail
