#include "native_fields.hpp"
#include "session_glue.hpp"

#include <weft/http2/exchange.hpp>

#include <utility>

namespace weft::http2 {

Exchange::~Exchange() { reset(ErrorCode::cancel); }

void Exchange::output_changed() noexcept {
    if (!session_) return;
    if (output_deferred_) {
        output_deferred_ = false;
        nghttp2_session_resume_data(session_->native_, id_);
    }
    session_->schedule_flush();
}

void Exchange::drop_sent() noexcept {
    keep_limit_ = 0;
    if (sent_ != 0) output_.consume(std::exchange(sent_, 0));
}

void Exchange::rewind() noexcept {
    sent_ = 0;
    held_ = 0;
    id_ = 0;
    output_deferred_ = remote_ended_ = local_ended_ = left_ = false;
}

void Exchange::end_output(bool trailers) noexcept {
    if (output_ended_) return;
    output_ended_ = true;
    output_trailers_ = trailers;
    output_changed();
}

void Exchange::send_trailers(HeaderBlock fields) {
    if (!session_) return;
    const NativeFields native(fields);
    nghttp2_submit_trailer(session_->native_, id_, native.data(), native.size());
    session_->schedule_flush();
}

void Exchange::send_response(HeaderBlock fields, bool body) {
    if (!session_) return;
    const NativeFields native(fields);
    const nghttp2_data_provider provider = SessionGlue::body_provider();
    if (!body) output_ended_ = true;
    nghttp2_submit_response(session_->native_, id_, native.data(), native.size(), body ? &provider : nullptr);
    session_->schedule_flush();
}

void Exchange::release_window(std::size_t n) noexcept {
    held_ -= n;
    if (!session_ || n == 0) return;
    nghttp2_session_consume_stream(session_->native_, id_, n);
    session_->unread_ -= n;
    session_->give_connection_window(n);
    session_->schedule_flush();
}

void Exchange::reset(ErrorCode code) noexcept {
    if (!session_) return;
    Session& session = *session_;
    // A stream that has ended both ways closes by itself.
    if (!remote_ended_ || !local_ended_)
        nghttp2_submit_rst_stream(session.native_, NGHTTP2_FLAG_NONE, id_, static_cast<std::uint32_t>(code));
    nghttp2_session_set_stream_user_data(session.native_, id_, nullptr);
    session.detach(*this, code == ErrorCode::no_error || (remote_ended_ && local_ended_));
    session.schedule_flush();
}

}  // namespace weft::http2
