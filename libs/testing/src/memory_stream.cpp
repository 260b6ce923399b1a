#include <weft/core/error.hpp>
#include <weft/testing/memory_stream.hpp>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <limits>
#include <vector>

namespace weft::testing {

namespace {

// One direction. The ends leave when they die; whoever is left sees that.
struct Pipe {
    explicit Pipe(MemoryStreamOptions options)
        : capacity(std::max<std::size_t>(options.capacity, 1)),
          chunk(options.chunk == 0 ? std::numeric_limits<std::size_t>::max() : options.chunk) {}

    [[nodiscard]] std::size_t held() const { return bytes.size() - taken; }

    std::size_t capacity;
    std::size_t chunk;
    std::vector<std::byte> bytes;
    std::size_t taken = 0;
    bool writer_done = false;
    Readiness* reader = nullptr;  // null when the reading end is closed
    Readiness* writer = nullptr;
};

class MemoryStream final : public Stream {
public:
    MemoryStream(std::shared_ptr<Pipe> in, std::shared_ptr<Pipe> out)
        : in_(std::move(in)), out_(std::move(out)) {
        in_->reader = &readable_;
        out_->writer = &writable_;
    }
    ~MemoryStream() override { close(); }

    IoResult try_read(std::span<std::byte> buffer) override {
        require_open();
        if (buffer.empty()) return IoResult::done(0);
        const std::size_t n = std::min({buffer.size(), in_->held(), in_->chunk});
        if (n == 0) return in_->writer_done ? IoResult::end_of_stream() : IoResult::again();
        std::memcpy(buffer.data(), in_->bytes.data() + in_->taken, n);
        in_->taken += n;
        if (in_->taken == in_->bytes.size()) {
            in_->bytes.clear();
            in_->taken = 0;
        }
        if (in_->writer) in_->writer->signal();
        return IoResult::done(n);
    }

    IoResult try_write(std::span<const ConstBuffer> buffers) override {
        require_open();
        if (out_->writer_done || !out_->reader) throw_errno(EPIPE, "write to " + peer());
        std::size_t room = std::min(out_->capacity - out_->held(), out_->chunk);
        std::size_t wanted = 0;
        std::size_t written = 0;
        for (const ConstBuffer& buffer : buffers) {
            wanted += buffer.size;
            const std::size_t n = std::min(buffer.size, room);
            const auto* data = static_cast<const std::byte*>(buffer.data);
            out_->bytes.insert(out_->bytes.end(), data, data + n);
            room -= n;
            written += n;
        }
        if (written == 0) return wanted == 0 ? IoResult::done(0) : IoResult::again();
        out_->reader->signal();
        return IoResult::done(written);
    }

    Readiness& read_readiness() override {
        require_open();
        return readable_;
    }
    Readiness& write_readiness() override {
        require_open();
        return writable_;
    }

    void shutdown_write() override {
        require_open();
        end_output();
    }

    void close() noexcept override {
        if (closed_) return;
        closed_ = true;
        end_output();
        out_->writer = nullptr;
        in_->reader = nullptr;
        if (in_->writer) in_->writer->signal();
        readable_.signal();
        writable_.signal();
    }

    [[nodiscard]] std::string peer() const override { return "memory"; }

private:
    void require_open() const {
        if (closed_) throw ClosedError("the stream to memory is closed");
    }
    void end_output() noexcept {
        out_->writer_done = true;
        if (out_->reader) out_->reader->signal();
    }

    std::shared_ptr<Pipe> in_;
    std::shared_ptr<Pipe> out_;
    Readiness readable_;
    Readiness writable_;
    bool closed_ = false;
};

}  // namespace

StreamPair memory_stream_pair(MemoryStreamOptions options) {
    auto there = std::make_shared<Pipe>(options);
    auto back = std::make_shared<Pipe>(options);
    auto first = std::make_unique<MemoryStream>(back, there);
    auto second = std::make_unique<MemoryStream>(there, back);
    return StreamPair(std::move(first), std::move(second));
}

}  // namespace weft::testing
