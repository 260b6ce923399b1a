#include "websocket_stream.hpp"

#include "adapter_stream.hpp"
#include "websocket.hpp"

#include <weft/mesh/error.hpp>
#include <weft/mesh/frame.hpp>

#include <algorithm>
#include <cstring>

namespace weft::mesh {

namespace {

class WebSocketStream final : public AdapterStream {
public:
    WebSocketStream(std::unique_ptr<Stream> inner, std::span<const std::byte> seen,
                    std::vector<std::string> origins)
        : AdapterStream(std::move(inner)),
          origins_(std::move(origins)),
          decoder_(max_message_size + header_size) {
        head_.assign(reinterpret_cast<const char*>(seen.data()), seen.size());
    }

    IoResult try_read(std::span<std::byte> buffer) override {
        // What was seen before this stream was made; refusing it must find the link with a stream.
        if (!std::exchange(begun_, true)) upgrade();
        return AdapterStream::try_read(buffer);
    }

private:
    void from_peer(std::span<const std::byte> bytes) override {
        if (upgraded_) {
            (void)decoder_.feed(bytes, plain_, out_);
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
        Upgrade asked;
        std::string why;
        if (!parse_upgrade(std::string_view(head_).substr(0, end + 4), asked, why)) refuse(why);
        if (!origins_.empty() && std::find(origins_.begin(), origins_.end(), asked.origin) == origins_.end())
            refuse("pages of '" + asked.origin + "' may not connect");
        out_.append(std::string_view(upgrade_accepted(asked.key)));
        upgraded_ = true;
        const std::string rest = head_.substr(end + 4);
        head_ = std::string();
        (void)decoder_.feed(std::as_bytes(std::span(rest)), plain_, out_);
        wake_writer();
    }

    [[noreturn]] void refuse(const std::string& why) {
        out_.append(std::string_view(upgrade_refused(why)));
        flush();
        throw Error("it asked for a WebSocket in vain: " + why);
    }

    std::vector<std::string> origins_;
    std::string head_;
    WsDecoder decoder_;
    std::byte header_[header_size] = {};
    std::size_t header_have_ = 0;
    std::size_t frame_left_ = 0;
    bool upgraded_ = false;
    bool begun_ = false;
};

}  // namespace

std::unique_ptr<Stream> make_websocket_stream(std::unique_ptr<Stream> inner, std::span<const std::byte> seen,
                                              std::vector<std::string> origins) {
    return std::make_unique<WebSocketStream>(std::move(inner), seen, std::move(origins));
}

}  // namespace weft::mesh
