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
#include <vector>

namespace weft::grpc::detail {

namespace {

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
    submit();
}

// Every attempt asks the credentials anew: a token may be good for once only.
void ClientCall::submit() {
    if (credentials_) return credentials_->start();
    channel_->submit(*this);
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
    static const Metadata none;
    const Metadata& credentials = credentials_ ? credentials_->made() : none;
    const std::size_t size = metadata.size() + credentials.size();
    std::vector<std::string> encoded;
    encoded.reserve(size);
    std::array<http2::HeaderField, 18> small;
    std::vector<http2::HeaderField> large;
    constexpr std::size_t fixed = 12;
    http2::HeaderField* fields = small.data();
    if (size + fixed > small.size()) {
        large.resize(size + fixed);
        fields = large.data();
    }
    std::size_t count = 0;
    std::size_t bytes = 0;  // as HTTP/2 counts them
    const auto add = [&](std::string_view name, std::string_view value, bool no_index = false) {
        fields[count++] = {name, value, no_index};
        bytes += name.size() + value.size() + 32;
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
    for (const Metadata* entries : {&metadata, &credentials}) {
        for (const auto& [key, value] : *entries) {
            if (wire::is_binary_key(key)) {
                add(key, encoded.emplace_back(wire::base64_encode(value)));
            } else {
                add(key, value);
            }
        }
    }
    // The server would refuse it, or end the connection with all other calls.
    if (const std::size_t limit = session.peer_max_header_list_size(); bytes > limit)
        return fail(Status(StatusCode::resource_exhausted, "the call's metadata of " + std::to_string(bytes) +
                                                               " bytes is over the server's limit of " +
                                                               std::to_string(limit)));
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
        return submit_again();
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

void ClientCall::submit_again() noexcept {
    try {
        submit();
    } catch (...) {
        fail(Status(StatusCode::resource_exhausted, "out of memory"));
    }
}

void ClientCall::Attempts::fire() noexcept { call->submit_again(); }

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

}  // namespace weft::grpc::detail
