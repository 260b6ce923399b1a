#include "session_glue.hpp"

#include <algorithm>
#include <cstring>
#include <new>

namespace weft::http2 {

namespace {

// Frames of 256 KiB carry large messages with little overhead and still let streams take turns.
constexpr std::int64_t largest_sent_frame = 256 * 1024;

struct CallbacksDelete {
    void operator()(nghttp2_session_callbacks* callbacks) const { nghttp2_session_callbacks_del(callbacks); }
    void operator()(nghttp2_option* option) const { nghttp2_option_del(option); }
};

// Runs a callback's body; exceptions (out of memory) must not cross nghttp2's C frames.
template <class F>
int guarded(F&& body) noexcept {
    try {
        body();
        return 0;
    } catch (...) {
        return NGHTTP2_ERR_CALLBACK_FAILURE;
    }
}

std::string_view view(const std::uint8_t* data, std::size_t size) {
    return {reinterpret_cast<const char*>(data), size};
}

}  // namespace

nghttp2_session* SessionGlue::make(Session& session, Role role, const SessionOptions& options) {
    nghttp2_session_callbacks* raw_callbacks = nullptr;
    if (nghttp2_session_callbacks_new(&raw_callbacks) != 0) throw std::bad_alloc();
    const std::unique_ptr<nghttp2_session_callbacks, CallbacksDelete> callbacks(raw_callbacks);
    nghttp2_session_callbacks_set_on_begin_headers_callback(raw_callbacks, on_begin_headers);
    nghttp2_session_callbacks_set_on_begin_frame_callback(raw_callbacks, on_begin_frame);
    nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(raw_callbacks, on_invalid_frame);
    nghttp2_session_callbacks_set_on_header_callback(raw_callbacks, on_header);
    nghttp2_session_callbacks_set_on_frame_recv_callback(raw_callbacks, on_frame_recv);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(raw_callbacks, on_data_chunk);
    nghttp2_session_callbacks_set_on_frame_send_callback(raw_callbacks, on_frame_send);
    nghttp2_session_callbacks_set_on_stream_close_callback(raw_callbacks, on_stream_close);
    nghttp2_session_callbacks_set_data_source_read_length_callback(raw_callbacks, read_length);
    nghttp2_session_callbacks_set_send_data_callback(raw_callbacks, send_data);

    nghttp2_option* raw_option = nullptr;
    if (nghttp2_option_new(&raw_option) != 0) throw std::bad_alloc();
    const std::unique_ptr<nghttp2_option, CallbacksDelete> option(raw_option);
    nghttp2_option_set_no_auto_window_update(raw_option, 1);
    nghttp2_option_set_no_closed_streams(raw_option, 1);
    // Until the peer's SETTINGS say otherwise; requests are sent only after them.
    nghttp2_option_set_peer_max_concurrent_streams(raw_option, 100);
    nghttp2_option_set_max_send_header_block_length(raw_option, 1024 * 1024);
    // nghttp2 sends header blocks in pieces of 16 KiB and takes 8 CONTINUATION frames unless told otherwise.
    nghttp2_option_set_max_continuations(raw_option, 8 + options.max_header_list_size / 16'384);
    // Answers to PING and SETTINGS that may wait; what a turn reads must fit. The floods are counted here.
    nghttp2_option_set_max_outbound_ack(raw_option, options.idle_frame_burst);
    // As are resets.
    nghttp2_option_set_stream_reset_rate_limit(raw_option, std::uint64_t{1} << 40, std::uint64_t{1} << 40);

    nghttp2_session* native = nullptr;
    const int rv = role == Role::client
                       ? nghttp2_session_client_new2(&native, raw_callbacks, &session, raw_option)
                       : nghttp2_session_server_new2(&native, raw_callbacks, &session, raw_option);
    if (rv != 0) throw std::bad_alloc();
    return native;
}

nghttp2_data_provider SessionGlue::body_provider() noexcept {
    nghttp2_data_provider provider{};
    provider.read_callback = read_body;
    return provider;
}

int SessionGlue::on_begin_headers(nghttp2_session* native, const nghttp2_frame* frame, void* user) {
    auto& session = *static_cast<Session*>(user);
    session.block_text_.clear();
    session.block_spans_.clear();
    session.block_size_ = 0;
    session.block_oversized_ = false;
    if (session.role_ != Role::server || frame->hd.type != NGHTTP2_HEADERS ||
        frame->headers.cat != NGHTTP2_HCAT_REQUEST)
        return 0;
    return guarded([&] {
        const std::int32_t id = frame->hd.stream_id;
        Exchange* exchange = session.handler_.on_request();
        if (!exchange) {
            nghttp2_submit_rst_stream(native, NGHTTP2_FLAG_NONE, id, NGHTTP2_REFUSED_STREAM);
            return;
        }
        nghttp2_session_set_stream_user_data(native, id, exchange);
        session.attach(*exchange, id);
    });
}

int SessionGlue::on_begin_frame(nghttp2_session*, const nghttp2_frame_hd* head, void* user) {
    auto& session = *static_cast<Session*>(user);
    switch (head->type) {
        case NGHTTP2_DATA:
        case NGHTTP2_HEADERS:
            session.idle_frames_.used = std::max(0.0, session.idle_frames_.used - 4);
            session.frame_data_ = 0;
            return 0;
        // These have limits of their own, or belong to what moves.
        case NGHTTP2_WINDOW_UPDATE:
        case NGHTTP2_RST_STREAM:
        case NGHTTP2_GOAWAY:
        case NGHTTP2_CONTINUATION:
            return 0;
        default:
            return session.count_idle_frame(1) ? 0 : NGHTTP2_ERR_CALLBACK_FAILURE;
    }
}

int SessionGlue::on_invalid_frame(nghttp2_session*, const nghttp2_frame*, int, void* user) {
    constexpr std::uint32_t weight = 10;
    return static_cast<Session*>(user)->count_idle_frame(weight) ? 0 : NGHTTP2_ERR_CALLBACK_FAILURE;
}

int SessionGlue::on_header(nghttp2_session*, const nghttp2_frame*, const std::uint8_t* name,
                           std::size_t name_size, const std::uint8_t* value, std::size_t value_size,
                           std::uint8_t, void* user) {
    auto& session = *static_cast<Session*>(user);
    session.block_size_ += name_size + value_size + 32;
    if (session.block_size_ > session.options_.max_header_list_size) {
        session.block_oversized_ = true;
        return 0;
    }
    return guarded([&] {
        session.block_text_.append(view(name, name_size));
        session.block_text_.append(view(value, value_size));
        session.block_spans_.push_back(
            {static_cast<std::uint32_t>(name_size), static_cast<std::uint32_t>(value_size)});
    });
}

void SessionGlue::headers_complete(Session& session, Exchange& exchange, bool end) {
    session.block_fields_.clear();
    const char* at = session.block_text_.data();
    for (const auto& span : session.block_spans_) {
        session.block_fields_.push_back(
            {{at, span.name_size}, {at + span.name_size, span.value_size}, false});
        at += span.name_size + span.value_size;
    }
    // RFC 9113 8.1: any number of informational blocks may come before the response.
    if (session.role_ == Role::client && !session.block_fields_.empty() &&
        session.block_fields_[0].name == ":status" && session.block_fields_[0].value.starts_with('1'))
        return;
    exchange.on_headers(session.block_fields_, end, session.block_oversized_);
}

int SessionGlue::on_frame_recv(nghttp2_session* native, const nghttp2_frame* frame, void* user) {
    auto& session = *static_cast<Session*>(user);
    if (frame->hd.type == NGHTTP2_RST_STREAM && session.role_ == Role::server) {
        // Who has waited for the response to begin may change his mind.
        const Exchange* exchange = exchange_of(native, frame->hd.stream_id);
        if (!(exchange && exchange->left_) && !session.count_reset()) return NGHTTP2_ERR_CALLBACK_FAILURE;
    }
    // Five: it was taken for a useful one at its beginning.
    if (frame->hd.type == NGHTTP2_DATA && session.frame_data_ == 0 &&
        (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) == 0 && !session.count_idle_frame(5))
        return NGHTTP2_ERR_CALLBACK_FAILURE;
    return guarded([&] {
        switch (frame->hd.type) {
            case NGHTTP2_HEADERS:
            case NGHTTP2_DATA: {
                const bool end = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
                Exchange* exchange = exchange_of(native, frame->hd.stream_id);
                if (!exchange) break;
                if (end) exchange->remote_ended_ = true;
                if (frame->hd.type == NGHTTP2_HEADERS) {
                    headers_complete(session, *exchange, end);
                    // The exchange may have been reset by what it was told.
                    exchange = exchange_of(native, frame->hd.stream_id);
                }
                if (end && exchange) exchange->on_remote_end();
                break;
            }
            case NGHTTP2_SETTINGS:
                if ((frame->hd.flags & NGHTTP2_FLAG_ACK) == 0 && !session.ready_) {
                    session.ready_ = true;
                    session.handler_.on_ready();
                }
                break;
            case NGHTTP2_PING:
                if ((frame->hd.flags & NGHTTP2_FLAG_ACK) != 0) {
                    ping_acknowledged(session, frame->ping.opaque_data);
                } else {
                    session.handler_.on_ping();
                }
                break;
            case NGHTTP2_GOAWAY:
                goaway_received(session, frame->goaway);
                break;
            default:
                break;
        }
    });
}

void SessionGlue::goaway_received(Session& session, const nghttp2_goaway& frame) {
    const std::string_view debug = view(frame.opaque_data, std::min<std::size_t>(frame.opaque_data_len, 256));
    // Some send a second one that does not repeat the reason.
    if (session.goaway_text_.empty() || !debug.empty()) {
        session.goaway_text_ = "the peer sent GOAWAY ";
        session.goaway_text_ += to_string(static_cast<ErrorCode>(frame.error_code));
        if (!debug.empty()) session.goaway_text_.append(" (").append(debug).append(")");
    }
    session.draining_ = true;
    session.handler_.on_draining(static_cast<ErrorCode>(frame.error_code), debug);
    session.close_unsent();
}

void SessionGlue::ping_acknowledged(Session& session, const std::uint8_t* opaque) {
    std::uint64_t number = 0;
    std::memcpy(&number, opaque, sizeof number);
    if (number == 0 && session.goaway_after_ping_) {
        session.goaway_after_ping_ = false;
        nghttp2_submit_goaway(session.native_, NGHTTP2_FLAG_NONE,
                              nghttp2_session_get_last_proc_stream_id(session.native_), NGHTTP2_NO_ERROR,
                              reinterpret_cast<const std::uint8_t*>(session.farewell_.data()),
                              session.farewell_.size());
        return;
    }
    for (auto& ping : session.pings_)
        if (ping.number == number) ping.done->set();
}

int SessionGlue::on_data_chunk(nghttp2_session* native, std::uint8_t, std::int32_t id,
                               const std::uint8_t* data, std::size_t size, void* user) {
    auto& session = *static_cast<Session*>(user);
    session.frame_data_ += size;
    return guarded(
        [&] { session.received(exchange_of(native, id), id, std::as_bytes(std::span(data, size))); });
}

int SessionGlue::on_frame_send(nghttp2_session* native, const nghttp2_frame* frame, void* user) {
    auto& session = *static_cast<Session*>(user);
    const auto type = frame->hd.type;
    if (type != NGHTTP2_HEADERS && type != NGHTTP2_DATA) return 0;
    ++session.message_frames_sent_;
    Exchange* exchange = exchange_of(native, frame->hd.stream_id);
    if (!exchange) return 0;
    exchange->left_ = true;
    const bool last = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
    if (last) exchange->local_ended_ = true;
    if (exchange->tell_sent_ && exchange->all_sent()) exchange->on_sent();
    if (!last) return 0;
    session.resets_.used = std::max(0.0, session.resets_.used - 1);
    // RFC 9113 8.1: a server that needs no more of the request asks the client to stop sending it.
    if (session.role_ == Role::server && !exchange->remote_ended_)
        nghttp2_submit_rst_stream(native, NGHTTP2_FLAG_NONE, frame->hd.stream_id, NGHTTP2_NO_ERROR);
    return 0;
}

int SessionGlue::on_stream_close(nghttp2_session* native, std::int32_t id, std::uint32_t code, void* user) {
    auto& session = *static_cast<Session*>(user);
    Exchange* exchange = exchange_of(native, id);
    if (!exchange) return 0;
    session.detach(*exchange, code == NGHTTP2_NO_ERROR);
    CloseReason reason;
    reason.code = static_cast<ErrorCode>(code);
    reason.unprocessed = session.role_ == Role::client && code == NGHTTP2_REFUSED_STREAM;
    reason.left = exchange->left_;
    reason.text = session.goaway_text_;
    exchange->on_closed(reason);
    return 0;
}

ssize_t SessionGlue::read_length(nghttp2_session*, std::uint8_t, std::int32_t, std::int32_t connection_window,
                                 std::int32_t stream_window, std::uint32_t max_frame, void*) {
    return std::min<std::int64_t>({connection_window, stream_window, max_frame, largest_sent_frame});
}

ssize_t SessionGlue::read_body(nghttp2_session* native, std::int32_t id, std::uint8_t*, std::size_t room,
                               std::uint32_t* flags, nghttp2_data_source*, void*) {
    Exchange* exchange = exchange_of(native, id);
    if (!exchange) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    const std::size_t n = std::min(room, exchange->unsent());
    const bool all = n == exchange->unsent();
    if (n == 0 && !exchange->output_ended_) {
        exchange->output_deferred_ = true;
        return NGHTTP2_ERR_DEFERRED;
    }
    *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
    if (all && exchange->output_ended_) {
        *flags |= NGHTTP2_DATA_FLAG_EOF;
        if (exchange->output_trailers_) {
            *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
            exchange->on_trailers_due();
        }
    }
    return static_cast<ssize_t>(n);
}

int SessionGlue::send_data(nghttp2_session* native, nghttp2_frame* frame, const std::uint8_t* header,
                           std::size_t length, nghttp2_data_source*, void* user) {
    auto& session = *static_cast<Session*>(user);
    Exchange* exchange = exchange_of(native, frame->hd.stream_id);
    if (!exchange) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    constexpr std::size_t frame_header_size = 9;
    // Padding is never asked for, so the payload is exactly the body's bytes.
    const int rv = guarded([&] {
        std::byte* out = session.wire_.prepare(frame_header_size + length);
        std::memcpy(out, header, frame_header_size);
        if (length != 0)
            std::memcpy(out + frame_header_size, exchange->output_.data() + exchange->sent_, length);
        session.wire_.commit(frame_header_size + length);
    });
    if (rv != 0) return rv;
    Session::took(*exchange, length);
    return 0;
}

}  // namespace weft::http2
