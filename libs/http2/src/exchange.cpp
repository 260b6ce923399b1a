#include <weft/http2/carrier.hpp>

#include <utility>

namespace weft::http2 {

Exchange::~Exchange() { reset(ErrorCode::cancel); }

void Exchange::output_changed() noexcept {
    if (carrier_) carrier_->output_changed(*this);
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
    if (carrier_) carrier_->send_trailers(*this, fields);
}

void Exchange::send_response(HeaderBlock fields, bool body) {
    if (!carrier_) return;
    if (!body) output_ended_ = true;
    carrier_->send_response(*this, fields, body);
}

void Exchange::release_window(std::size_t n) noexcept {
    held_ -= n;
    if (carrier_ && n != 0) carrier_->window_released(*this, n);
}

void Exchange::reset(ErrorCode code) noexcept {
    if (carrier_) carrier_->reset(*this, code);
}

}  // namespace weft::http2
