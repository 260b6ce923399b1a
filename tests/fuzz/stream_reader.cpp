// Any bytes through a StreamReader, in pieces and with calls that the input chooses: whatever is asked in
// whatever order, what comes out is what went in.
#include <weft/core/loop.hpp>
#include <weft/core/stream_reader.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>

namespace {

using namespace weft;

// Gives the bytes in small pieces, then the end; is always ready.
class Bytes final : public Stream {
public:
    explicit Bytes(std::string_view bytes) : bytes_(bytes) {}
    IoResult try_read(std::span<std::byte> buffer) override {
        const std::size_t n = std::min({buffer.size(), bytes_.size(), std::size_t{1} + reads_++ % 5});
        if (n == 0) return IoResult::end_of_stream();
        std::memcpy(buffer.data(), bytes_.data(), n);
        bytes_.remove_prefix(n);
        return IoResult::done(n);
    }
    IoResult try_write(std::span<const ConstBuffer>) override { throw UsageError("read-only"); }
    Readiness& read_readiness() override { return readiness_; }
    Readiness& write_readiness() override { return readiness_; }
    void shutdown_write() override {}
    void close() noexcept override {}
    [[nodiscard]] std::string peer() const override { return "fuzz"; }

private:
    std::string_view bytes_;
    std::size_t reads_ = 0;
    Readiness readiness_;
};

Task<void> read_all(std::string_view calls, std::string_view bytes) {
    StreamReader reader(std::make_shared<Bytes>(bytes), 16);
    std::string got;
    for (std::size_t i = 0; !reader.at_end(); ++i) {
        const int call = calls.empty() ? 0 : static_cast<unsigned char>(calls[i % calls.size()]);
        const std::size_t count = 1 + static_cast<std::size_t>(call) / 8;
        try {
            std::string part;
            if (call % 3 == 0) {
                part = co_await reader.read(count);
            } else if (call % 3 == 1) {
                part = co_await reader.read_exactly(count);
            } else {
                part = co_await reader.read_until("\r\n");
                if (part.size() > 16 || !part.ends_with("\r\n")) std::abort();
            }
            got += part;
        } catch (const IncompleteRead& e) {
            got += e.partial();
        } catch (const LimitOverrun&) {
            if (reader.buffered() < 16) std::abort();
            calls = {};  // go on with read(), which always takes something
        }
    }
    if (got != bytes) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view all(reinterpret_cast<const char*>(data), size);
    const std::string_view calls = all.substr(0, std::min<std::size_t>(8, size));
    Loop loop;
    loop.run(read_all(calls, all.substr(calls.size())));
    return 0;
}
