#include "websocket_stream.hpp"

#include "adapter_stream.hpp"
#include "websocket.hpp"

#include <weft/core/spawn.hpp>
#include <weft/mesh/error.hpp>
#include <weft/mesh/frame.hpp>

#include <algorithm>
#include <cstring>

namespace weft::mesh {

namespace {

// Bytes that wait for the peer, beyond which its pings are not answered.
constexpr std::size_t max_replies = std::size_t{64} << 10;

class WebSocketStream final : public AdapterStream {
public:
    WebSocketStream(std::unique_ptr<Stream> inner, std::span<const std::byte> seen,
                    std::shared_ptr<const WebAccess> access)
        : AdapterStream(std::move(inner)),
          access_(std::move(access)),
          decoder_(max_message_size + header_size) {
        head_.assign(reinterpret_cast<const char*>(seen.data()), seen.size());
    }

    IoResult try_read(std::span<std::byte> buffer) override {
        // What was seen before this stream was made; refusing it must find the link with a stream.
        if (!std::exchange(begun_, true)) upgrade();
        if (served_ && out_.empty()) throw Error(std::string(metrics_served));
        return AdapterStream::try_read(buffer);
    }

private:
    void from_peer(std::span<const std::byte> bytes) override {
        if (served_) return;  // nothing that it may say now matters
        if (upgraded_) {
            // Who asks and does not read gets no answers for a while: one need not answer each of several
            // pings (RFC 6455 5.5.3).
            Buffer left_out;
            (void)decoder_.feed(bytes, plain_, out_.size() < max_replies ? out_ : left_out);
            if (decoder_.closed()) out_.append(left_out.bytes());
        } else {
            head_.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
            upgrade();
        }
        flush();
    }

    // The link writes frames; each becomes a message.
    void from_link(std::span<const std::byte> bytes) override {
        while (!bytes.empty()) {
            if (frame_left_ == 0) {
                const std::size_t n = std::min(bytes.size(), header_size - header_have_);
                std::memcpy(header_ + header_have_, bytes.data(), n);
                header_have_ += n;
                bytes = bytes.subspan(n);
                if (header_have_ < header_size) return;
                header_have_ = 0;
                FrameHeader header;
                if (parse_header(header_, header) != FrameFault::none)
                    throw Error("a frame of ours is broken");
                append_ws_header(WsOpcode::binary, header.frame_size(), out_);
                out_.append(std::span<const std::byte>(header_));
                frame_left_ = header.message_size;
                continue;
            }
            const std::size_t n = std::min(bytes.size(), frame_left_);
            out_.append(bytes.first(n));
            frame_left_ -= n;
            bytes = bytes.subspan(n);
        }
    }

    [[nodiscard]] bool may_write() const noexcept override { return upgraded_; }
    [[nodiscard]] bool ended() const noexcept override { return decoder_.closed(); }
    void say_goodbye() override {
        if (!upgraded_ || decoder_.closed()) return;
        append_ws_header(WsOpcode::close, 2, out_);
        out_.push(1000 >> 8);
        out_.push(1000 & 0xff);
    }

    void upgrade() {
        const std::size_t end = head_.find("\r\n\r\n");
        if (end == std::string::npos) {
            if (head_.size() > max_upgrade_size) refuse("the request is too long");
            return;
        }
        if (access_ && access_->metrics && request_path(head_) == "/metrics" &&
            request_field(head_, "Upgrade").empty())
            return serve_metrics();
        Upgrade asked;
        std::string why;
        if (!parse_upgrade(std::string_view(head_).substr(0, end + 4), asked, why)) refuse(why);
        const auto allowed = [&](const std::vector<std::string>& origins) {
            return origins.empty() ||
                   std::find(origins.begin(), origins.end(), asked.origin) != origins.end();
        };
        if (access_ && !allowed(access_->origins)) refuse("pages of '" + asked.origin + "' may not connect");
        out_.append(std::string_view(upgrade_accepted(asked.key)));
        upgraded_ = true;
        const std::string rest = head_.substr(end + 4);
        head_ = std::string();
        (void)decoder_.feed(std::as_bytes(std::span(rest)), plain_, out_);
        wake_writer();
    }

    void serve_metrics() {
        const bool known =
            access_->token.empty() || request_field(head_, "Authorization") == "Bearer " + access_->token;
        out_.append(
            std::string_view(known ? http_answer("200 OK", access_->metrics())
                                   : http_answer("401 Unauthorized", "the token is wrong or missing\n")));
        served_ = true;
        flush();
        if (!out_.empty()) writing_ = spawn(write_out(*this), "mesh metrics");
    }

    // The link has nothing to write, and would not come back for what the socket has no room for. The handle
    // ends with the stream.
    static Task<void> write_out(WebSocketStream& self) {
        while (!self.out_.empty()) {
            co_await self.write_readiness().wait();
            self.flush();
        }
        self.wake_reader();
    }

    [[noreturn]] void refuse(const std::string& why) {
        out_.append(std::string_view(upgrade_refused(why)));
        flush();
        throw Error("it asked for a WebSocket in vain: " + why);
    }

    std::shared_ptr<const WebAccess> access_;
    std::string head_;
    WsDecoder decoder_;
    std::byte header_[header_size] = {};
    std::size_t header_have_ = 0;
    std::size_t frame_left_ = 0;
    bool upgraded_ = false;
    bool begun_ = false;
    bool served_ = false;
    TaskHandle<void> writing_;
};

}  // namespace

std::unique_ptr<Stream> make_websocket_stream(std::unique_ptr<Stream> inner, std::span<const std::byte> seen,
                                              std::shared_ptr<const WebAccess> access) {
    return std::make_unique<WebSocketStream>(std::move(inner), seen, std::move(access));
}

}  // namespace weft::mesh
