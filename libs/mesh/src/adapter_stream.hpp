// A stream that carries the mesh's frames in another protocol's clothes (WebSocket, NATS). What the link
// writes and what the peer sends are turned into each other without a task: in the link's own calls.
#pragma once

#include <weft/core/stream.hpp>
#include <weft/mesh/buffer.hpp>

#include <memory>
#include <span>
#include <string>

namespace weft::mesh {

class AdapterStream : public Stream {
public:
    explicit AdapterStream(std::unique_ptr<Stream> inner) noexcept : inner_(std::move(inner)) {}
    IoResult try_read(std::span<std::byte> buffer) override;
    IoResult try_write(std::span<const ConstBuffer> buffers) override;
    Readiness& read_readiness() override { return inner_->read_readiness(); }
    Readiness& write_readiness() override { return inner_->write_readiness(); }
    void shutdown_write() override;
    void close() noexcept override { inner_->close(); }
    [[nodiscard]] std::string peer() const override { return inner_->peer(); }

protected:
    // Bytes of the peer's protocol came: appends frames to plain_, and what must be answered to out_.
    virtual void from_peer(std::span<const std::byte> bytes) = 0;
    // Bytes of frames, cut anywhere, are to be sent: appends to out_.
    virtual void from_link(std::span<const std::byte> bytes) = 0;
    [[nodiscard]] virtual bool may_write() const noexcept { return true; }
    [[nodiscard]] virtual bool ended() const noexcept { return false; }
    virtual void say_goodbye() {}

    void flush();
    // Frames were added to plain_ outside of from_peer().
    void wake_reader() { inner_->read_readiness().signal(); }
    void wake_writer() { inner_->write_readiness().signal(); }

    Buffer plain_;
    Buffer out_;

private:
    static constexpr std::size_t max_pending = std::size_t{1} << 20;
    std::unique_ptr<Stream> inner_;
    std::size_t taken_ = 0;  // of plain_
    std::size_t sent_ = 0;   // of out_
    std::size_t owed_ = 0;
};

}  // namespace weft::mesh
