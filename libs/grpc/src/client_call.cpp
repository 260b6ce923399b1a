#include "client_call.hpp"

#include "channel_core.hpp"
#include "status_wire.hpp"
#include "wire.hpp"

#include <weft/core/error.hpp>

#include <algorithm>
#include <array>
#include <vector>

namespace weft::grpc::detail {

namespace {

std::string_view find(http2::HeaderBlock fields, std::string_view name) noexcept {
    for (const auto& field : fields)
        if (field.name == name) return field.value;
    return {};
}

constexpr std::size_t foreign_body_shown = 256;

}  // namespace

ClientCall::ClientCall(ChannelCore& channel, CallKind kind, std::string_view method, CallOptions&& options)
    : channel_(&channel),
      method_(method),
      options_(std::move(options)),
      deadline_(options_.deadline()),
      reader_(options_.max_receive_message_length().value_or(channel.options().max_receive)),
      max_send_(channel.options().max_send),
      kind_(kind) {
    channel.add_active(*this);
    if (const auto& limit = options_.timeout()) {
        const TimePoint now = Loop::current().now();
        const TimePoint at = *limit > TimePoint::max() - now ? TimePoint::max() : now + *limit;
        deadline_ = std::min(deadline_.value_or(at), at);
    }
}

ClientCall::~ClientCall() {
    waits_.for_each([](CallWait& wait) {
        wait.call_ = nullptr;
        static_cast<ListHook<>&>(wait).unlink();
        if (wait.waiting()) wait.wake();
    });
    if (!ended_) fail(Status(StatusCode::cancelled, "the call object was dropped"));
}

void ClientCall::launch() {
    if (deadline_) {
        Loop& loop = Loop::current();
        if (*deadline_ <= loop.now()) return fire();
        loop.arm(*this, *deadline_);
    }
    channel_->submit(*this);
}

void ClientCall::attach(http2::Session& session) {
    const auto& metadata = options_.metadata();
    std::vector<std::string> encoded;
    encoded.reserve(metadata.size());
    std::array<http2::HeaderField, 16> small;
    std::vector<http2::HeaderField> large;
    constexpr std::size_t fixed = 9;
    http2::HeaderField* fields = small.data();
    if (metadata.size() + fixed > small.size()) {
        large.resize(metadata.size() + fixed);
        fields = large.data();
    }
    std::size_t count = 0;
    const auto add = [&](std::string_view name, std::string_view value, bool no_index = false) {
        fields[count++] = {name, value, no_index};
    };
    std::string timeout;
    add(":method", "POST");
    add(":scheme", "http");
    add(":path", method_);
    add(":authority", options_.authority().empty() ? channel_->authority() : options_.authority());
    if (deadline_) {
        timeout = wire::format_timeout(*deadline_ - Loop::current().now());
        add("grpc-timeout", timeout, true);
    }
    add("te", "trailers");
    add("content-type", "application/grpc");
    add("user-agent", channel_->user_agent());
    for (const auto& [key, value] : metadata) {
        if (wire::is_binary_key(key)) {
            add(key, encoded.emplace_back(wire::base64_encode(value)));
        } else {
            add(key, value);
        }
    }
    session.start(*this, {fields, count}, true);
    was_attached_ = true;
    peer_ = session.peer();
    notify(CallEvent::connected);
}

std::byte* ClientCall::prepare_message(std::size_t size) {
    if (ended_) {
        if (status_.ok()) throw ClosedError(method_ + ": write after the server ended the call with OK");
        throw_status();
    }
    if (output_ended()) throw UsageError(method_ + ": write after done_writing()");
    if (size > max_send_ || size > UINT32_MAX) {
        fail(Status(StatusCode::resource_exhausted,
                    "the request of " + std::to_string(size) + " bytes is over the limit of " +
                        std::to_string(std::min<std::size_t>(max_send_, UINT32_MAX))));
        throw_status();
    }
    std::byte* out = output().prepare(MessageReader::prefix_size + size);
    out[0] = std::byte{0};
    for (int i = 0; i < 4; ++i) out[1 + i] = static_cast<std::byte>(size >> (24 - 8 * i));
    return out + MessageReader::prefix_size;
}

void ClientCall::commit_message(std::size_t size) noexcept {
    output().commit(MessageReader::prefix_size + size);
    output_changed();
}

std::optional<std::span<const std::byte>> ClientCall::front_message() noexcept {
    if (reader_.front() != MessageReader::Front::message) return std::nullopt;
    return reader_.message();
}

void ClientCall::pop_message() noexcept {
    reader_.pop();
    refuse_front();
    settle_window();
}

bool ClientCall::has_reader() noexcept {
    bool found = false;
    waits_.for_each([&found](CallWait& wait) { found = found || wait.event_ == CallEvent::message; });
    return found;
}

// Bytes that nobody waits for stay charged to the peer's window. A reader that waits, and a call with a
// single response, want whatever comes: else a message larger than the window would never arrive.
void ClientCall::settle_window() noexcept {
    const bool wanted = !many_responses() || has_reader();
    const std::size_t keep = wanted ? 0 : std::min(held_window(), reader_.size());
    if (held_window() > keep) release_window(held_window() - keep);
}

// What stands in front and can never be delivered ends the call.
void ClientCall::refuse_front() noexcept {
    if (ended_ && !status_.ok()) return;
    switch (reader_.front()) {
        case MessageReader::Front::too_large:
            fail(Status(StatusCode::resource_exhausted, "received " + reader_.too_large_text()));
            break;
        case MessageReader::Front::compressed:
            fail(Status(StatusCode::internal,
                        "received a compressed message, for which no encoding was agreed"));
            break;
        case MessageReader::Front::bad_flag:
            fail(Status(StatusCode::internal, "received bytes that are no gRPC message"));
            break;
        default:
            break;
    }
}

void ClientCall::on_headers(http2::HeaderBlock fields, bool end, bool oversized) noexcept {
    if (ended_) return;
    try {
        if (oversized)
            return fail(Status(StatusCode::resource_exhausted, "received metadata is over the limit"));
        if (headers_seen_ || end) {
            if (!headers_seen_) http_code_ = wire::code_of_http(find(fields, ":status"));
            take_trailers(fields);
        } else {
            headers_seen_ = true;
            take_initial(fields);
            notify(CallEvent::headers);
        }
    } catch (...) {
        fail(Status(StatusCode::resource_exhausted, "out of memory"));
    }
}

void ClientCall::take_initial(http2::HeaderBlock fields) {
    const std::string_view http_status = find(fields, ":status");
    const std::string_view type = find(fields, "content-type");
    http_code_ = wire::code_of_http(http_status);
    if (http_status != "200" || !wire::is_grpc_content_type(type)) {
        not_grpc_ = true;
        foreign_type_ =
            "HTTP status " + std::string(http_status) + ", content-type '" + std::string(type) + "'";
    }
    for (const auto& field : fields) {
        if (wire::is_reserved_header(field.name)) continue;
        if (!wire::add_field(initial_, field))
            return fail(Status(StatusCode::internal,
                               "received metadata '" + std::string(field.name) + "' that is not base64"));
    }
}

void ClientCall::take_trailers(http2::HeaderBlock fields) {
    trailers_seen_ = true;
    auto status = wire::status_of(fields);
    if (status) {
        status_ = std::move(*status);
    } else {
        status_ = Status(http_code_, not_grpc_ || !headers_seen_
                                         ? "the answer is not gRPC: " + foreign_type_ + " " + foreign_body_
                                         : "the server sent no grpc-status");
    }
    for (const auto& field : fields) {
        if (wire::is_reserved_header(field.name)) continue;
        if (!wire::add_field(trailing_, field)) {
            status_ = Status(StatusCode::internal,
                             "received metadata '" + std::string(field.name) + "' that is not base64");
            return;
        }
    }
}

void ClientCall::on_data(std::span<const std::byte> bytes) noexcept {
    if (ended_) return;
    try {
        if (not_grpc_) {
            const std::size_t n = std::min(bytes.size(), foreign_body_shown - foreign_body_.size());
            for (const std::byte b : bytes.first(n)) {
                const char c = static_cast<char>(b);
                foreign_body_ += c >= 0x20 && c <= 0x7E ? c : '.';
            }
            release_window(bytes.size());
            return;
        }
        reader_.append(bytes);
    } catch (...) {
        return fail(Status(StatusCode::resource_exhausted, "out of memory"));
    }
    refuse_front();
    if (ended_) return;
    if (reader_.front() == MessageReader::Front::message) {
        if (!many_responses() && reader_.has_more_than_front())
            return fail(Status(StatusCode::unimplemented, "received more than one response"));
        notify(CallEvent::message);
    } else {
        settle_window();
    }
}

void ClientCall::on_remote_end() noexcept {
    if (ended_) return;
    Status status = std::move(status_);
    if (!trailers_seen_) {
        if (not_grpc_) {
            status = Status(http_code_, "the answer is not gRPC: " + foreign_type_ + " " + foreign_body_);
        } else {
            status = Status(http_code_, "the stream ended without trailers");
        }
    }
    finish(std::move(status));
    // The rest of the request is of no use any more.
    reset(http2::ErrorCode::no_error);
}

void ClientCall::on_closed(const http2::CloseReason& reason) noexcept {
    if (ended_) return;
    // A server whose own timer fired first resets with CANCEL: to the caller it is the deadline all the same.
    if (deadline_ && reason.code == http2::ErrorCode::cancel && Clock::now() >= *deadline_) return fire();
    finish(wire::status_of(reason));
}

void ClientCall::fire() noexcept { fail(Status(StatusCode::deadline_exceeded, "Deadline Exceeded")); }

void ClientCall::fail(Status status) noexcept {
    reader_.clear();
    if (ended_) {
        // Ended with OK, but what it delivered cannot be read: the reader must learn of it.
        if (status_.ok()) status_ = std::move(status);
        return;
    }
    reset(http2::ErrorCode::cancel);
    finish(std::move(status));
}

void ClientCall::finish(Status status) noexcept {
    ended_ = true;
    status_ = std::move(status);
    disarm();
    ListHook<PendingCallTag>::unlink();
    if (channel_) std::exchange(channel_, nullptr)->remove_active(*this);
    if (status_.ok() && many_responses() && reader_.front() == MessageReader::Front::nothing &&
        !reader_.empty()) {
        reader_.clear();
        status_ = Status(StatusCode::internal, "the stream ended within a message");
    }
    if (status_.ok() && !many_responses()) settle_single_response();
    notify(CallEvent::ended);
}

void ClientCall::settle_single_response() noexcept {
    if (reader_.front() == MessageReader::Front::message) return;
    status_ = reader_.empty() ? Status(StatusCode::unimplemented, "the server sent no response")
                              : Status(StatusCode::internal, "the stream ended within the response");
    reader_.clear();
}

void ClientCall::throw_status() const { throw RpcError(method_, status_, initial_, trailing_); }

bool ClientCall::happened(CallEvent event) const noexcept {
    if (ended_) return true;
    switch (event) {
        case CallEvent::connected:
            return was_attached_;
        case CallEvent::headers:
            return headers_seen_;
        case CallEvent::message:
            return reader_.front() == MessageReader::Front::message;
        case CallEvent::writable:
            return output_writable();
        case CallEvent::ended:
            return false;
    }
    return true;
}

void ClientCall::add_wait(CallWait& wait) noexcept {
    waits_.push_back(wait);
    if (wait.event_ == CallEvent::message) settle_window();
}

// A wait stays in the list until its task has run: the call may be dropped before.
void ClientCall::notify(CallEvent event) noexcept {
    waits_.for_each([this, event](CallWait& wait) {
        if (wait.waiting() && (ended_ || wait.event_ == event)) wait.wake();
    });
}

// The functions of detail/call_core.hpp.

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
