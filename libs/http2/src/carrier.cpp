#include <weft/core/loop.hpp>
#include <weft/core/stream.hpp>
#include <weft/http2/carrier.hpp>

#include <memory>

namespace weft::http2 {

void Carrier::attach(Exchange& exchange, std::int32_t id) noexcept {
    exchange.carrier_ = this;
    exchange.id_ = id;
    exchanges_.push_back(exchange);
    ++open_streams_;
    ++counters_.streams_started;
    counters_.last_stream_started = Loop::current().now();
}

void Carrier::detach(Exchange& exchange, bool succeeded) noexcept {
    ++(succeeded ? counters_.streams_succeeded : counters_.streams_failed);
    static_cast<ListHook<ExchangeListTag>&>(exchange).unlink();
    exchange.carrier_ = nullptr;
    --open_streams_;
}

void Carrier::give_headers(Exchange& exchange, HeaderBlock fields) noexcept {
    exchange.on_headers(fields, false, false);
}

void Carrier::give_data(Exchange& exchange, std::span<const std::byte> bytes) noexcept {
    exchange.held_ += bytes.size();
    exchange.on_data(bytes);
}

void Carrier::give_end(Exchange& exchange) noexcept {
    exchange.remote_ended_ = true;
    exchange.on_remote_end();
}

void Carrier::give_closed(Exchange& exchange, const CloseReason& reason) noexcept {
    exchange.on_closed(reason);
}

std::span<const std::byte> Carrier::unsent(const Exchange& exchange) noexcept {
    return exchange.output_.bytes().subspan(exchange.sent_);
}

void Carrier::took(Exchange& exchange, std::size_t n) noexcept {
    const bool was_full = !exchange.output_writable();
    if (exchange.keep_limit_ == 0) {
        exchange.output_.consume(n);
    } else {
        exchange.sent_ += n;
        if (exchange.sent_ > exchange.keep_limit_) exchange.drop_sent();
    }
    if (was_full && exchange.output_writable()) exchange.on_writable();
}

bool Carrier::output_ended(const Exchange& exchange) noexcept { return exchange.output_ended_; }
std::size_t Carrier::held_window(const Exchange& exchange) noexcept { return exchange.held_; }

Task<void> Carrier::discard_rest(Stream& stream) {
    constexpr std::size_t size = std::size_t{64} * 1024;
    stream.shutdown_write();
    const auto buffer = std::make_unique_for_overwrite<std::byte[]>(size);
    const std::span<std::byte> room(buffer.get(), size);
    for (;;) {
        const std::size_t n = co_await stream.read_some(room);
        if (n == 0) co_return;
    }
}

}  // namespace weft::http2
