// What a ClientCall receives: headers, messages, trailers.
#include "channel_core.hpp"
#include "client_call.hpp"
#include "compressor.hpp"
#include "interception.hpp"
#include "status_wire.hpp"
#include "wire.hpp"

#include <algorithm>
#include <charconv>

namespace weft::grpc::detail {

namespace {

std::string_view find(http2::HeaderBlock fields, std::string_view name) noexcept {
    for (const auto& field : fields)
        if (field.name == name) return field.value;
    return {};
}

constexpr std::size_t foreign_body_shown = 256;

}  // namespace

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

}  // namespace weft::grpc::detail
