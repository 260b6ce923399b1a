#include <weft/testing/fragmented_stream.hpp>

#include <algorithm>

namespace weft::testing {

namespace {

class FragmentedStream final : public Stream {
public:
    FragmentedStream(std::unique_ptr<Stream> stream, std::size_t chunk)
        : stream_(std::move(stream)), chunk_(std::max<std::size_t>(chunk, 1)) {}

    IoResult try_read(std::span<std::byte> buffer) override {
        return stream_->try_read(buffer.first(std::min(buffer.size(), chunk_)));
    }
    IoResult try_write(std::span<const ConstBuffer> buffers) override {
        for (const ConstBuffer& buffer : buffers) {
            if (buffer.size == 0) continue;
            const ConstBuffer part{buffer.data, std::min(buffer.size, chunk_)};
            return stream_->try_write({&part, 1});
        }
        return stream_->try_write({});
    }
    Readiness& read_readiness() override { return stream_->read_readiness(); }
    Readiness& write_readiness() override { return stream_->write_readiness(); }
    void shutdown_write() override { stream_->shutdown_write(); }
    void close() noexcept override { stream_->close(); }
    [[nodiscard]] std::string peer() const override { return stream_->peer(); }

private:
    std::unique_ptr<Stream> stream_;
    std::size_t chunk_;
};

}  // namespace

std::unique_ptr<Stream> fragmented(std::unique_ptr<Stream> stream, std::size_t chunk) {
    return std::make_unique<FragmentedStream>(std::move(stream), chunk);
}

}  // namespace weft::testing
