// A stream whose first bytes have been read already, to see who speaks: it gives them again.
#pragma once

#include <weft/core/stream.hpp>

#include <algorithm>
#include <cstring>
#include <memory>
#include <string>
#include <utility>

namespace weft::grpc {

class ReplayStream final : public Stream {
public:
    ReplayStream(std::string seen, std::unique_ptr<Stream> inner) noexcept
        : seen_(std::move(seen)), inner_(std::move(inner)) {}

    IoResult try_read(std::span<std::byte> buffer) override {
        if (seen_.empty()) return inner_->try_read(buffer);
        const std::size_t n = std::min(buffer.size(), seen_.size());
        std::memcpy(buffer.data(), seen_.data(), n);
        seen_.erase(0, n);
        return IoResult::done(n);
    }
    IoResult try_write(std::span<const ConstBuffer> buffers) override { return inner_->try_write(buffers); }
    Readiness& read_readiness() override { return inner_->read_readiness(); }
    Readiness& write_readiness() override { return inner_->write_readiness(); }
    void shutdown_write() override { inner_->shutdown_write(); }
    void close() noexcept override { inner_->close(); }
    [[nodiscard]] std::string peer() const override { return inner_->peer(); }

private:
    std::string seen_;
    std::unique_ptr<Stream> inner_;
};

}  // namespace weft::grpc
