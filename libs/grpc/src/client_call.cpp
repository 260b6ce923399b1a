#include "client_call.hpp"

#include "channel_core.hpp"
#include "compressor.hpp"
#include "interception.hpp"
#include "status_wire.hpp"
#include "time_now.hpp"
#include "wire.hpp"

#include <weft/core/error.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <vector>

namespace weft::grpc::detail {

namespace {

std::string_view find(http2::HeaderBlock fields, std::string_view name) noexcept {
    for (const auto& field : fields)
        if (field.name == name) return field.value;
    return {};
}

constexpr std::size_t foreign_body_shown = 256;

// Attempts that never left us are repeated without being counted (gRFC A6); against a server that lets us in
// and never lets us begin, there is an end all the same.
constexpr int most_unsent_attempts = 100;

template <class T>
T least(T value, const std::optional<T>& limit) {
    return limit ? std::min(value, *limit) : value;
}

}  // namespace

ClientCall::ClientCall(ChannelCore& channel, CallKind kind, std::string_view method, CallOptions&& options,
                       Purpose purpose)
    : channel_(&channel),
      method_(method),
      options_(std::move(options)),
      deadline_(options_.deadline()),
      reader_(options_.max_receive_message_length().value_or(channel.options().max_receive)),
      max_send_(channel.options().max_send),
      kind_(kind),
      purpose_(purpose),
      compression_(options_.compression().value_or(channel.options().compress)),
      wait_for_ready_(options_.wait_for_ready().value_or(false)) {
    std::optional<Duration> timeout = options_.timeout();
    if (purpose != Purpose::internal) {
        channel.add_active(*this);
        if (purpose == Purpose::user) channel.calls().begin();
        const MethodConfig* config = channel.config().find(method_);
        if (config) {
            if (config->timeout) timeout = least(*config->timeout, timeout);
            if (!options_.wait_for_ready()) wait_for_ready_ = config->wait_for_ready.value_or(false);
            max_send_ = least(max_send_, config->max_request);
            reader_ = MessageReader(least(reader_.limit(), config->max_response));
        }
        const bool hedged = config && config->hedging && channel.options().retries;
        const bool intercepted =
            purpose == Purpose::user && (hedged || !channel.options().interceptors.empty());
        if (!intercepted && (options_.credentials() || !channel.options().credentials.empty()))
            credentials_ = std::make_unique<CredentialsStep>(*this, channel, options_.credentials());
        if (intercepted) {
            interception_ = std::make_unique<Interception>(*this, channel);
        } else if (channel.options().retries) {
            keep_sent(std::max<std::size_t>(channel.options().retry_buffer, 1));
            if (config && config->retry) attempts_ = std::make_unique<Attempts>(*this, *config->retry);
        }
    }
    if (timeout) {
        const TimePoint now = Loop::current().now();
        const TimePoint at = *timeout > TimePoint::max() - now ? TimePoint::max() : now + *timeout;
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
    // Their tasks use the rest.
    interception_.reset();
    credentials_.reset();
}

void ClientCall::launch() {
    if (deadline_) {
        Loop& loop = Loop::current();
        if (*deadline_ <= loop.now()) return fire();
        loop.arm(*this, *deadline_);
    }
    if (interception_) return interception_->start();
    if (credentials_) return credentials_->start();
    channel_->submit(*this);
}

void ClientCall::add_metadata(const Metadata& more) {
    Metadata all = options_.metadata();
    for (const auto& [key, value] : more) all.add(key, value);
    std::move(options_).metadata(std::move(all));
}

const std::string& ClientCall::authority() const noexcept {
    return options_.authority().empty() ? channel_->authority() : options_.authority();
}

void ClientCall::half_close() noexcept {
    end_output();
    if (interception_) interception_->changed();
}

void ClientCall::attach(http2::Session& session) noexcept {
    try {
        send_request(session);
    } catch (const std::exception& error) {
        fail(Status(StatusCode::unavailable, error.what()));
    }
}

void ClientCall::send_request(http2::Session& session) {
    const auto& metadata = options_.metadata();
    std::vector<std::string> encoded;
    encoded.reserve(metadata.size());
    std::array<http2::HeaderField, 18> small;
    std::vector<http2::HeaderField> large;
    constexpr std::size_t fixed = 12;
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
    add(":scheme", channel_->tls() ? "https" : "http");
    add(":path", method_);
    add(":authority", authority());
    if (deadline_) {
        timeout = wire::format_timeout(*deadline_ - Loop::current().now());
        add("grpc-timeout", timeout, true);
    }
    add("te", "trailers");
    add("content-type", "application/grpc");
    add("user-agent", channel_->user_agent());
    add("grpc-accept-encoding", wire::accepted_encodings);
    if (compression_ != Compression::identity) add("grpc-encoding", to_string(compression_));
    std::string attempts;
    if (const int before = previous_attempts_ + (attempts_ ? attempts_->count - 1 : 0); before > 0) {
        attempts = std::to_string(before);
        add("grpc-previous-rpc-attempts", attempts);
    }
    for (const auto& [key, value] : metadata) {
        if (wire::is_binary_key(key)) {
            add(key, encoded.emplace_back(wire::base64_encode(value)));
        } else {
            add(key, value);
        }
    }
    session.start(*this, {fields, count}, true);
    session.counters().messages_sent += written_messages_;
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
    MessageReader::write_prefix(out, size, false);
    return out + MessageReader::prefix_size;
}

void ClientCall::commit_message(std::size_t size) noexcept {
    ++written_messages_;
    if (carrier()) ++carrier()->counters().messages_sent;
    if (interception_) {
        output().commit(MessageReader::prefix_size + size);
        return interception_->changed();
    }
    if (compression_ != Compression::identity && !std::exchange(skip_compression_, false)) {
        std::byte* out = output().prepare(0);
        const auto smaller = wire::compress_in_place(compression_, {out + MessageReader::prefix_size, size});
        if (smaller) {
            size = *smaller;
            MessageReader::write_prefix(out, size, true);
        }
    }
    output().commit(MessageReader::prefix_size + size);
    output_changed();
}

std::optional<std::span<const std::byte>> ClientCall::front_message() noexcept {
    if (reader_.front() != MessageReader::Front::message) return std::nullopt;
    try {
        switch (reader_.decode()) {
            case MessageReader::Payload::ok:
                return reader_.message();
            case MessageReader::Payload::corrupt:
                fail(Status(StatusCode::internal, "a received message does not decompress"));
                break;
            case MessageReader::Payload::too_large:
                fail(Status(StatusCode::resource_exhausted, "a received message decompresses to more than " +
                                                                std::to_string(reader_.limit()) + " bytes"));
                break;
        }
    } catch (...) {
        fail(Status(StatusCode::resource_exhausted, "out of memory"));
    }
    return std::nullopt;
}

void ClientCall::pop_message() noexcept {
    reader_.pop();
    if (interception_) interception_->changed();
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
    drop_sent();  // from here on the call is this attempt
    if (const std::string_view name = find(fields, "grpc-encoding"); !name.empty()) {
        const auto encoding = wire::parse_compression(name);
        if (!encoding)
            return fail(Status(StatusCode::internal, "the response is encoded as '" + std::string(name) +
                                                         "', which we did not offer"));
        reader_.set_encoding(*encoding);
    }
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
    if (const std::string_view text = find(fields, "grpc-retry-pushback-ms"); !text.empty()) {
        std::int64_t ms = -1;
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), ms);
        pushback_ms_ = error == std::errc() && end == text.data() + text.size() ? ms : -1;
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
        if (carrier()) ++carrier()->counters().messages_received;
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
    // The rest of the request is of no use any more.
    const bool again = try_again(status);
    if (!again) finish(std::move(status));
    reset(http2::ErrorCode::no_error);
    if (again) forget_attempt();
}

void ClientCall::on_closed(const http2::CloseReason& reason) noexcept {
    if (ended_) return;
    // A server whose own timer fired first resets with CANCEL, which a proxy may turn into INTERNAL_ERROR: to
    // the caller it is the deadline all the same.
    if (deadline_ && time_now() >= *deadline_) return fire();
    const bool may_resend = keeps_sent() && !headers_seen_ && reason.unprocessed;
    // What the server has refused is sent once more; what never left is not counted (gRFC A6).
    if (may_resend && (reason.left ? !refused_ : ++unsent_attempts_ <= most_unsent_attempts)) {
        if (reason.left) refused_ = true;
        forget_attempt();
        return channel_->submit(*this);
    }
    Status status = wire::status_of(reason);
    if (try_again(status)) return forget_attempt();
    finish(std::move(status));
}

void ClientCall::forget_attempt() noexcept {
    rewind();
    reader_.clear();
    trailing_ = Metadata();
    status_ = Status();
    pushback_ms_.reset();
    trailers_seen_ = false;
}

bool ClientCall::try_again(const Status& status) noexcept {
    if (!attempts_) return false;
    const bool retryable = attempts_->policy->codes.has(status.code());
    const bool refused = pushback_ms_ && *pushback_ms_ < 0;
    if (!retryable && !refused) {
        channel_->throttle().succeeded();
        return false;
    }
    const bool allowed = channel_->throttle().failed();
    if (!allowed || refused || headers_seen_ || !keeps_sent()) return false;
    if (attempts_->count >= attempts_->policy->max_attempts) return false;
    ++attempts_->count;
    const Duration pause = pushback_ms_ ? std::chrono::milliseconds(*pushback_ms_)
                                        : attempts_->policy->pause_before(attempts_->count);
    Loop::current().arm_after(*attempts_, pause);
    return true;
}

void ClientCall::Attempts::fire() noexcept { call->channel_->submit(*call); }

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
    if (attempts_) attempts_->disarm();
    if (interception_) interception_->stop();
    if (credentials_) credentials_->stop();
    drop_sent();
    ListHook<PendingCallTag>::unlink();
    if (channel_) {
        if (purpose_ == Purpose::user) channel_->calls().end(status_.ok());
        std::exchange(channel_, nullptr)->remove_active(*this);
    }
    if (status_.ok() && many_responses() && reader_.front() == MessageReader::Front::nothing &&
        !reader_.empty()) {
        reader_.clear();
        status_ = Status(StatusCode::internal, "the stream ended within a message");
    }
    if (status_.ok() && !many_responses()) settle_single_response();
    notify(CallEvent::ended);
    run_done_callbacks();
}

void ClientCall::run_done_callbacks() noexcept {
    if (done_callbacks_.empty()) return;
    try {
        Loop::current().post([callbacks = std::move(done_callbacks_), status = status_] {
            for (const auto& callback : callbacks) {
                try {
                    callback->call(status);
                } catch (...) {  // nobody is there to catch it
                }
            }
        });
    } catch (...) {  // without memory nobody is told
    }
    done_callbacks_.clear();
}

void ClientCall::add_done_callback(Pimpl<DoneCallback> callback) {
    done_callbacks_.push_back(std::move(callback));
    if (ended_) run_done_callbacks();
}

CallDetails ClientCall::details() const {
    CallDetails details;
    details.method = method_;
    details.deadline = deadline_;
    details.metadata = options_.metadata();
    details.wait_for_ready = wait_for_ready_;
    details.authority = options_.authority();
    details.compression = options_.compression();
    details.max_receive_message_length = options_.max_receive_message_length();
    details.credentials = options_.credentials();
    details.many_requests = many_requests();
    details.many_responses = many_responses();
    return details;
}

// The oldest request that the caller has written.
std::optional<std::string> ClientCall::take_written() {
    if (output().empty()) return std::nullopt;
    const std::byte* at = output().data();
    std::size_t length = 0;
    for (int i = 1; i < 5; ++i) length = length << 8 | std::to_integer<std::size_t>(at[i]);
    std::string message(reinterpret_cast<const char*>(at + MessageReader::prefix_size), length);
    const bool was_full = !output_writable();
    output().consume(MessageReader::prefix_size + length);
    if (was_full && output_writable()) notify(CallEvent::writable);
    return message;
}

bool ClientCall::wants_response() const noexcept { return reader_.size() <= low_water; }

void ClientCall::give_initial(Metadata metadata) noexcept {
    if (ended_) return;
    initial_ = std::move(metadata);
    headers_seen_ = was_attached_ = true;
    notify(CallEvent::connected);
    notify(CallEvent::headers);
}

void ClientCall::give_response(const std::string& message) {
    if (ended_) return;
    std::byte prefix[MessageReader::prefix_size];
    MessageReader::write_prefix(prefix, message.size(), false);
    reader_.append(prefix);
    reader_.append(std::as_bytes(std::span(message)));
    notify(CallEvent::message);
}

void ClientCall::give_end(CallEnd end) noexcept {
    if (ended_) return;
    trailing_ = std::move(end.trailing_metadata);
    finish(std::move(end.status));
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
        case CallEvent::sent:
            return interception_ ? unsent() == 0 && interception_->idle() : carrier() && all_sent();
    }
    return true;
}

void ClientCall::add_wait(CallWait& wait) noexcept {
    waits_.push_back(wait);
    if (wait.event_ == CallEvent::message) settle_window();
    if (wait.event_ == CallEvent::sent) tell_when_sent();
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
