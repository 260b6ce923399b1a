#include "server_call.hpp"

#include "compressor.hpp"
#include "server_state.hpp"
#include "wire.hpp"

#include <weft/core/error.hpp>
#include <weft/grpc/server_interceptor.hpp>

#include <algorithm>
#include <array>
#include <cstring>
#include <exception>
#include <vector>

namespace weft::grpc::detail {

namespace {

// As HTTP/2 counts it (RFC 9113 6.5.2).
std::size_t header_list_size(http2::HeaderBlock fields) noexcept {
    std::size_t size = 0;
    for (const auto& field : fields) size += field.name.size() + field.value.size() + 32;
    return size;
}

}  // namespace

ServerCall::ServerCall(ServerConnection& connection)
    : connection_(connection), reader_(connection.server().options().max_receive) {}

ServerCall::~ServerCall() {
    disarm();
    uncount();
}

const std::vector<std::string>& ServerCall::peer_identities() const noexcept {
    return connection_.identities();
}
TransportSecurity ServerCall::transport_security() const noexcept { return connection_.security(); }
const std::string& ServerCall::peer() const noexcept { return connection_.carrier().peer(); }

void ServerCall::on_headers(http2::HeaderBlock fields, bool end, bool oversized) noexcept {
    // Trailers of a request mean nothing to gRPC.
    if (headers_seen_ || over()) return;
    headers_seen_ = true;
    try {
        const auto refusal = read_headers(fields);
        if (over()) return;  // refused in HTTP
        if (refusal) return finish(*refusal);
        if (oversized)
            return finish(Status(StatusCode::resource_exhausted, "received metadata is over the limit"));
        ServerState& server = connection_.server();
        handler_ = server.find(method_);
        if (!handler_) return finish(Status(StatusCode::unimplemented, "unknown method " + method_));
        if (server.stopping()) return finish(Status(StatusCode::unavailable, "the server is shutting down"));
        const std::size_t limit = server.options().max_calls;
        if (limit != 0 && server.active_calls() >= limit)
            return finish(Status(StatusCode::resource_exhausted, "Concurrent RPC limit exceeded!"));
        counted_ = true;
        server.call_began();
        server.calls().begin();
        if (deadline_) {
            if (*deadline_ <= Loop::current().now()) return fire();
            Loop::current().arm(*this, *deadline_);
        }
        if (handler_->request() == RequestKind::stream) start_handler();
    } catch (...) {
        finish(Status(StatusCode::resource_exhausted, "out of memory"));
    }
    (void)end;
}

// What is wrong with the request, if anything.
std::optional<Status> ServerCall::read_headers(http2::HeaderBlock fields) {
    std::string_view http_method;
    std::string_view content_type;
    std::string_view encoding;
    std::optional<Status> refusal;
    const auto& origins = connection_.server().options().web_origins;
    if (!origins.empty()) web_ = std::make_unique<Web>();
    for (const auto& field : fields) {
        if (field.name == ":path") {
            method_ = field.value;
        } else if (field.name == ":method") {
            http_method = field.value;
        } else if (field.name == ":authority") {
            authority_ = field.value;
        } else if (field.name == "content-type") {
            content_type = field.value;
        } else if (field.name == "grpc-encoding") {
            encoding = field.value;
        } else if (field.name == "grpc-accept-encoding") {
            accepts_gzip_ = accepts_gzip_ || wire::accepts(field.value, Compression::gzip);
            accepts_deflate_ = accepts_deflate_ || wire::accepts(field.value, Compression::deflate);
        } else if (field.name == "grpc-timeout") {
            const auto timeout = wire::parse_timeout(field.value);
            if (!timeout) {
                refusal.emplace(StatusCode::internal, "malformed grpc-timeout");
                continue;
            }
            const TimePoint now = Loop::current().now();
            deadline_ = *timeout > TimePoint::max() - now ? TimePoint::max() : now + *timeout;
        } else if (!wire::is_reserved_header(field.name)) {
            if (web_) web_->origin.read(field);
            if (!wire::add_field(metadata_, field))
                refusal.emplace(StatusCode::internal,
                                "metadata '" + std::string(field.name) + "' is not base64");
        }
    }
    if (web_) {
        web_->allowed = web_->origin.allowed(origins);
        web_->mode = web::mode_of(content_type);
        if (http_method == "OPTIONS" && !web_->origin.method.empty()) {
            answer_preflight();
            return std::nullopt;
        }
        if (web_->mode == web::Mode::none) web_.reset();
    }
    if (http_method != "POST") {
        refuse_http("405");
    } else if (!web_ && (connection_.web_only() || !wire::is_grpc_content_type(content_type))) {
        refuse_http("415");
    } else if (!refusal && !encoding.empty()) {
        encoded_ = true;
        const auto known = wire::parse_compression(encoding);
        if (known) {
            reader_.set_encoding(*known);
        } else {
            refusal.emplace(StatusCode::unimplemented,
                            "requests encoded as '" + std::string(encoding) + "' are not supported");
        }
    }
    if (!refusal) set_compression(connection_.server().options().compress);
    return refusal;
}

void ServerCall::refuse_http(std::string_view http_status) {
    const http2::HeaderField fields[] = {{":status", http_status}};
    finished_ = true;
    headers_sent_ = true;
    send_response(fields, false);
}

void ServerCall::answer_preflight() {
    const auto fields = web::preflight_fields(web_->origin, web_->allowed);
    finished_ = true;
    headers_sent_ = true;
    send_response(fields, false);
}

void ServerCall::add_response_fields(std::vector<http2::HeaderField>& fields) {
    fields.push_back({":status", "200"});
    fields.push_back({"content-type", web_ ? web::content_type(web_->mode) : "application/grpc"});
}

// Browsers show no trailers to scripts: they are the last frame of the body.
void ServerCall::finish_web() {
    with_trailer_fields([this](http2::HeaderBlock fields) {
        std::string frame = web::trailer_frame(fields);
        if (web_->mode == web::Mode::text) frame = web::base64(std::as_bytes(std::span(frame)));
        output().append(frame);
    });
    end_output();
}

// The message after the end of the output becomes base64; it is a whole number of groups, as each message and
// each end is encoded by itself.
void ServerCall::encode_web_text(std::size_t size) {
    const std::string text = web::base64({output().prepare(0), size});
    std::memcpy(output().prepare(text.size()), text.data(), text.size());
    output().commit(text.size());
}

namespace {

Task<void> run_intercepted(ServerCall& call, MethodHandler& handler,
                           const std::vector<ServerInterceptor*>& interceptors) {
    ServerContinuation first(call, handler, interceptors.data(), interceptors.size());
    co_await first();
}

}  // namespace

void ServerCall::start_handler() {
    const auto& interceptors = connection_.server().options().interceptors;
    Task<void> task =
        interceptors.empty() ? handler_->handle(*this) : run_intercepted(*this, *handler_, interceptors);
    weft::detail::start_task(Loop::current(), task_, std::move(task), {})->mark_retrieved();
}

void ServerCall::set_compression(Compression algorithm) {
    if (headers_sent_) throw UsageError(method_ + ": set_compression() after the initial metadata was sent");
    const bool understood = algorithm == Compression::gzip ? accepts_gzip_ : accepts_deflate_;
    compression_ = understood ? algorithm : Compression::identity;
}

void ServerCall::on_data(std::span<const std::byte> bytes) noexcept {
    if (over()) return release_window(bytes.size());
    try {
        if (web_ && web_->mode == web::Mode::text) {
            web_->plain.clear();
            if (!web_->text.read(bytes, web_->plain))
                return end(Status(StatusCode::internal, "the request is not base64"));
            reader_.append(web_->plain);
        } else {
            reader_.append(bytes);
        }
    } catch (...) {
        return end(Status(StatusCode::resource_exhausted, "out of memory"));
    }
    switch (reader_.front()) {
        case MessageReader::Front::too_large:
            return end(Status(StatusCode::resource_exhausted, "received " + reader_.too_large_text()));
        case MessageReader::Front::compressed:
            return end(Status(StatusCode::internal, "compressed message without grpc-encoding"));
        case MessageReader::Front::bad_flag:
            return end(Status(StatusCode::internal, "bytes that are no gRPC message"));
        case MessageReader::Front::message:
            if (handler_ && handler_->request() == RequestKind::single && reader_.has_more_than_front())
                return end(Status(StatusCode::unimplemented, "more than one request for a unary method"));
            wake(ServerEvent::readable);
            break;
        case MessageReader::Front::nothing:
            break;
    }
    settle_window();
}

void ServerCall::on_remote_end() noexcept {
    remote_ended_ = true;
    if (over()) return;
    if (handler_->request() == RequestKind::stream) return wake(ServerEvent::readable);
    if (reader_.front() != MessageReader::Front::message)
        return finish(reader_.empty() ? Status(StatusCode::unimplemented, "no request for a unary method")
                                      : Status(StatusCode::internal, "the request ended within its message"));
    try {
        start_handler();
    } catch (...) {
        finish(Status(StatusCode::resource_exhausted, "out of memory"));
    }
}

// As the client's: bytes are charged to the window until a reader wants them.
void ServerCall::settle_window() noexcept {
    const bool wanted = (handler_ && handler_->request() == RequestKind::single) ||
                        waiters_[static_cast<int>(ServerEvent::readable)] != nullptr || over();
    const std::size_t keep = wanted ? 0 : std::min(held_window(), reader_.size());
    if (held_window() > keep) release_window(held_window() - keep);
}

void ServerCall::fire() noexcept { end(Status(StatusCode::deadline_exceeded, "Deadline Exceeded")); }

void ServerCall::end(Status status) noexcept {
    if (over()) return;
    // What waits for the client's window must not hold the status up.
    // A script finds its trailers behind the messages: these are sent whole.
    if (!output().empty() && !web_) output().clear();
    finish(std::move(status));
    task_.cancel_children();
}

void ServerCall::finish(Status status) noexcept {
    if (over()) return;
    finished_ = true;
    status_ = std::move(status);
    if (counted_) connection_.server().calls().end(status_.ok());
    disarm();
    reader_.clear();
    settle_window();
    try {
        if (headers_sent_ && web_) {
            finish_web();
        } else if (headers_sent_) {
            end_output(true);
        } else {
            send_trailers_only();
        }
    } catch (...) {
        reset(http2::ErrorCode::internal_error);
    }
    if (!task_.has_children()) uncount();
}

template <class Send>
void ServerCall::with_trailer_fields(Send&& send) {
    std::vector<http2::HeaderField> fields;
    std::vector<std::string> values;
    fields.reserve(trailing_.size() + 6);
    values.reserve(trailing_.size() + 2);
    if (!headers_sent_) {
        add_response_fields(fields);
        // What we would have understood (compression.md).
        if (encoded_) fields.push_back({"grpc-accept-encoding", wire::accepted_encodings});
    }
    static constexpr std::string_view numbers[] = {"0", "1",  "2",  "3",  "4",  "5",  "6",  "7", "8",
                                                   "9", "10", "11", "12", "13", "14", "15", "16"};
    fields.push_back({"grpc-status", numbers[static_cast<std::size_t>(status_.code())]});
    if (!status_.details().empty())
        fields.push_back({"grpc-message", values.emplace_back(wire::percent_encode(status_.details()))});
    if (!status_.details_bin().empty())
        fields.push_back(
            {"grpc-status-details-bin", values.emplace_back(wire::base64_encode(status_.details_bin()))});
    for (const auto& [key, value] : trailing_) {
        if (wire::is_binary_key(key)) {
            fields.push_back({key, values.emplace_back(wire::base64_encode(value))});
        } else {
            fields.push_back({key, value});
        }
    }
    if (web_) {
        if (!headers_sent_ && web_->allowed) web::add_cors_fields(fields, web_->origin, web_->exposed);
        return send(http2::HeaderBlock(fields));
    }
    const std::size_t size = header_list_size(fields);
    const std::size_t limit = carrier() ? carrier()->peer_max_header_list_size() : UINT32_MAX;
    if (size <= limit || (status_.details_bin().empty() && trailing_.empty()))
        return send(http2::HeaderBlock(fields));
    // The client would drop all of it, or the connection: the code and what fits of the message stay.
    trailing_ = Metadata();
    std::string text = status_.details().substr(0, std::min<std::size_t>(limit / 8, 1024));
    text += " (" + std::to_string(size) + " bytes of trailers are over the client's limit of " +
            std::to_string(limit) + ": details and metadata are left out)";
    status_ = Status(status_.code(), std::move(text));
    with_trailer_fields(send);
}

void ServerCall::send_trailers_only() {
    with_trailer_fields([this](http2::HeaderBlock fields) { send_response(fields, false); });
    headers_sent_ = true;
}

void ServerCall::on_trailers_due() noexcept {
    try {
        if (trailing_.empty() && status_.ok()) {
            static constexpr http2::HeaderField ok[] = {{"grpc-status", "0"}};
            send_trailers(ok);
            return;
        }
        with_trailer_fields([this](http2::HeaderBlock fields) { send_trailers(fields); });
    } catch (...) {
        // Without memory for trailers the connection's end will be the call's.
    }
}

void ServerCall::send_headers(const Metadata& metadata) {
    if (headers_sent_) throw UsageError(method_ + ": the initial metadata has been sent already");
    static constexpr http2::HeaderField basic[] = {{":status", "200"}, {"content-type", "application/grpc"}};
    const bool plain = compression_ == Compression::identity && !encoded_;
    if (metadata.empty() && plain && !web_) {
        headers_sent_ = true;
        return send_response(basic, true);
    }
    std::vector<http2::HeaderField> fields;
    add_response_fields(fields);
    if (!plain) fields.push_back({"grpc-accept-encoding", wire::accepted_encodings});
    if (compression_ != Compression::identity) fields.push_back({"grpc-encoding", to_string(compression_)});
    std::vector<std::string> values;
    values.reserve(metadata.size());
    for (const auto& [key, value] : metadata) {
        if (wire::is_binary_key(key)) {
            fields.push_back({key, values.emplace_back(wire::base64_encode(value))});
        } else {
            fields.push_back({key, value});
        }
    }
    if (web_ && web_->allowed) web::add_cors_fields(fields, web_->origin, web_->exposed);
    const std::size_t size = header_list_size(fields);
    const std::size_t limit = carrier() ? carrier()->peer_max_header_list_size() : UINT32_MAX;
    if (size > limit)
        throw RpcError(StatusCode::resource_exhausted, "the initial metadata of " + std::to_string(size) +
                                                           " bytes is over the client's limit of " +
                                                           std::to_string(limit));
    headers_sent_ = true;
    send_response(fields, true);
}

std::byte* ServerCall::prepare_message(std::size_t size) {
    if (over()) throw Cancelled();
    const std::size_t limit = std::min<std::size_t>(connection_.server().options().max_send, UINT32_MAX);
    if (size > limit)
        throw RpcError(StatusCode::resource_exhausted, "the response of " + std::to_string(size) +
                                                           " bytes is over the limit of " +
                                                           std::to_string(limit));
    std::byte* out = output().prepare(MessageReader::prefix_size + size);
    MessageReader::write_prefix(out, size, false);
    return out + MessageReader::prefix_size;
}

void ServerCall::commit_message(std::size_t size) {
    const auto& interceptors = connection_.server().options().interceptors;
    for (auto at = interceptors.rbegin(); at != interceptors.rend(); ++at) {
        if (!(*at)->sees_messages()) continue;
        std::string message(reinterpret_cast<const char*>(output().prepare(0)) + MessageReader::prefix_size,
                            size);
        (*at)->on_response(context_, message);
        size = message.size();
        std::byte* out = prepare_message(size);
        if (size != 0) std::memcpy(out, message.data(), size);
    }
    if (compression_ != Compression::identity && !std::exchange(skip_compression_, false)) {
        std::byte* out = output().prepare(0);
        const auto smaller = wire::compress_in_place(compression_, {out + MessageReader::prefix_size, size});
        if (smaller) {
            size = *smaller;
            MessageReader::write_prefix(out, size, true);
        }
    }
    ++connection_.carrier().counters().messages_sent;
    if (web_ && web_->mode == web::Mode::text) {
        encode_web_text(MessageReader::prefix_size + size);
    } else {
        output().commit(MessageReader::prefix_size + size);
    }
    if (headers_sent_) {
        output_changed();
    } else {
        send_headers(Metadata());
    }
}

std::span<const std::byte> ServerCall::intercepted_request(std::span<const std::byte> message) {
    if (!seen_) {
        for (ServerInterceptor* interceptor : connection_.server().options().interceptors) {
            if (!interceptor->sees_messages()) continue;
            if (!seen_) seen_.emplace(reinterpret_cast<const char*>(message.data()), message.size());
            interceptor->on_request(context_, *seen_);
        }
        if (!seen_) return message;
    }
    return std::as_bytes(std::span(*seen_));
}

std::optional<std::span<const std::byte>> ServerCall::front_message() {
    if (over()) throw Cancelled();
    if (reader_.front() == MessageReader::Front::message) {
        switch (reader_.decode()) {
            case MessageReader::Payload::ok:
                break;
            case MessageReader::Payload::corrupt:
                throw RpcError(StatusCode::internal, "a request does not decompress");
            case MessageReader::Payload::too_large:
                throw RpcError(
                    StatusCode::resource_exhausted,
                    "a request decompresses to more than " + std::to_string(reader_.limit()) + " bytes");
        }
        return intercepted_request(reader_.message());
    }
    if (!reader_.empty())
        throw RpcError(StatusCode::internal, "the stream of requests ended within a message");
    return std::nullopt;
}

void ServerCall::pop_message() noexcept {
    seen_.reset();
    ++connection_.carrier().counters().messages_received;
    reader_.pop();
    settle_window();
    switch (reader_.front()) {
        case MessageReader::Front::too_large:
            return end(Status(StatusCode::resource_exhausted, "received " + reader_.too_large_text()));
        case MessageReader::Front::compressed:
            return end(Status(StatusCode::internal, "compressed message without grpc-encoding"));
        case MessageReader::Front::bad_flag:
            return end(Status(StatusCode::internal, "bytes that are no gRPC message"));
        default:
            break;
    }
}

bool ServerCall::happened(ServerEvent event) const noexcept {
    if (over()) return true;
    if (event == ServerEvent::writable) return output_writable();
    return remote_ended_ || reader_.front() == MessageReader::Front::message;
}

void ServerCall::on_closed(const http2::CloseReason&) noexcept { connection_gone(); }

void ServerCall::connection_gone() noexcept {
    if (counted_ && !finished_ && !closed_) connection_.server().calls().end(false);
    closed_ = true;
    disarm();
    task_.cancel_children();
    settle();
}

void ServerCall::handler_done(weft::detail::TaskControl& task) noexcept {
    if (!over()) {
        const std::exception_ptr error = task.error();
        if (!error) {
            finish(outcome_);
        } else {
            try {
                std::rethrow_exception(error);
            } catch (const RpcError& rpc) {
                finish(rpc.code() == StatusCode::ok
                           ? Status(StatusCode::unknown, "the handler failed with status OK")
                           : rpc.status());
            } catch (const Cancelled&) {
                finish(Status(StatusCode::cancelled, "the handler was cancelled"));
            } catch (...) {
                const ServerOptions& options = connection_.server().options();
                if (options.handler_error) {
                    try {
                        options.handler_error(method_, error, options.handler_error_user);
                    } catch (...) {  // a log that fails must not take the server with it
                    }
                }
                finish(Status(StatusCode::unknown, "Unexpected error in the handler"));
            }
        }
    }
    settle();
}

void ServerCall::uncount() noexcept {
    if (!counted_) return;
    counted_ = false;
    connection_.server().call_ended();
}

// A call is active while its handler runs; the object stays until its stream is closed too.
void ServerCall::settle() noexcept {
    if (task_.has_children() || !over()) return;
    uncount();
    if (closed_) connection_.call_over(*this);
}

// The wait stays registered until its task has run, so that no second reader takes what woke it.
void ServerCall::wake(ServerEvent event) noexcept {
    if (ServerWait* waiting = waiter(event); waiting && waiting->waiting()) waiting->wake();
}

}  // namespace weft::grpc::detail
