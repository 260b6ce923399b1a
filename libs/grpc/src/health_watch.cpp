#include "health_watch.hpp"

#include "channel_core.hpp"

namespace weft::grpc::detail {

namespace {

void put_varint(std::string& out, std::size_t value) {
    for (; value > 0x7F; value >>= 7) out += static_cast<char>(value | 0x80);
    out += static_cast<char>(value);
}

// HealthCheckRequest{service = 1}
std::string request_for(const std::string& service) {
    std::string out;
    if (service.empty()) return out;
    out += '\x0A';
    put_varint(out, service.size());
    return out + service;
}

// HealthCheckResponse{status = 1}; SERVING is 1. Its one field makes two bytes; anything else is not SERVING.
bool says_serving(const std::string& response) { return response == "\x08\x01"; }

}  // namespace

HealthWatch::HealthWatch(ChannelCore& channel, http2::Session& session, const std::string& service)
    : call_(new ClientCall(channel, CallKind::unary_stream, "/grpc.health.v1.Health/Watch", CallOptions(),
                           ClientCall::Purpose::internal)) {
    write_message(*call_, request_for(service));
    call_->half_close();
    call_->attach(session);
}

Task<std::optional<bool>> HealthWatch::next() {
    try {
        const auto response = co_await ReadWait<std::string>(*call_);
        if (!response) co_return std::nullopt;
        co_return says_serving(*response);
    } catch (const RpcError&) {
        co_return std::nullopt;
    }
}

bool HealthWatch::unimplemented() const noexcept {
    return call_->ended() && call_->status().code() == StatusCode::unimplemented;
}

}  // namespace weft::grpc::detail
