#include "compressor.hpp"

#include <algorithm>
#include <climits>
#include <cstring>

#include <zlib.h>

namespace weft::grpc {

std::string_view to_string(Compression algorithm) noexcept {
    switch (algorithm) {
        case Compression::deflate:
            return "deflate";
        case Compression::gzip:
            return "gzip";
        case Compression::identity:
            break;
    }
    return "identity";
}

namespace wire {

namespace {

constexpr int zlib_format = 15;
constexpr int gzip_format = 15 + 16;

int format_of(Compression algorithm) noexcept {
    return algorithm == Compression::gzip ? gzip_format : zlib_format;
}

// A deflate state is 256 KiB: made once for each algorithm and thread.
class Deflater {
public:
    explicit Deflater(int format) noexcept {
        ready_ =
            deflateInit2(&stream_, Z_DEFAULT_COMPRESSION, Z_DEFLATED, format, 8, Z_DEFAULT_STRATEGY) == Z_OK;
    }
    Deflater(const Deflater&) = delete;
    Deflater& operator=(const Deflater&) = delete;
    ~Deflater() {
        if (ready_) deflateEnd(&stream_);
    }

    // nullopt when the result is not smaller than the input.
    std::optional<std::size_t> run(std::span<std::byte> in, std::vector<std::byte>& out) {
        if (!ready_ || in.size() < 2 || in.size() > UINT_MAX) return std::nullopt;
        deflateReset(&stream_);
        out.resize(in.size() - 1);
        stream_.next_in = reinterpret_cast<Bytef*>(in.data());
        stream_.avail_in = static_cast<uInt>(in.size());
        stream_.next_out = reinterpret_cast<Bytef*>(out.data());
        stream_.avail_out = static_cast<uInt>(out.size());
        if (deflate(&stream_, Z_FINISH) != Z_STREAM_END) return std::nullopt;
        return out.size() - stream_.avail_out;
    }

private:
    z_stream stream_{};
    bool ready_ = false;
};

class Inflater {
public:
    explicit Inflater(int format) noexcept { ready_ = inflateInit2(&stream_, format) == Z_OK; }
    Inflater(const Inflater&) = delete;
    Inflater& operator=(const Inflater&) = delete;
    ~Inflater() {
        if (ready_) inflateEnd(&stream_);
    }
    [[nodiscard]] z_stream* stream() noexcept { return ready_ ? &stream_ : nullptr; }

private:
    z_stream stream_{};
    bool ready_ = false;
};

std::string_view trimmed(std::string_view text) noexcept {
    while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
    while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
    return text;
}

}  // namespace

std::optional<Compression> parse_compression(std::string_view name) noexcept {
    for (const auto known : {Compression::identity, Compression::deflate, Compression::gzip})
        if (name == to_string(known)) return known;
    return std::nullopt;
}

bool accepts(std::string_view list, Compression algorithm) noexcept {
    if (algorithm == Compression::identity) return true;
    for (;;) {
        const std::size_t comma = list.find(',');
        if (trimmed(list.substr(0, comma)) == to_string(algorithm)) return true;
        if (comma == std::string_view::npos) return false;
        list.remove_prefix(comma + 1);
    }
}

std::optional<std::size_t> compress_in_place(Compression algorithm, std::span<std::byte> message) noexcept {
    if (algorithm == Compression::identity) return std::nullopt;
    static thread_local Deflater gzip(gzip_format);
    static thread_local Deflater zlib(zlib_format);
    try {
        std::vector<std::byte> out;
        const auto size = (algorithm == Compression::gzip ? gzip : zlib).run(message, out);
        if (size) std::memcpy(message.data(), out.data(), *size);
        return size;
    } catch (...) {  // without memory the message goes as it is
        return std::nullopt;
    }
}

DecompressResult decompress(Compression algorithm, std::span<const std::byte> message, std::size_t limit,
                            std::vector<std::byte>& out) {
    out.clear();
    Inflater inflater(format_of(algorithm));
    z_stream* stream = inflater.stream();
    if (!stream || message.size() > UINT_MAX) return DecompressResult::corrupt;
    stream->next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(message.data()));
    stream->avail_in = static_cast<uInt>(message.size());
    std::size_t made = 0;
    std::size_t room = std::min(limit, std::max<std::size_t>(message.size() * 4, 1024));
    for (;;) {
        out.resize(room);
        stream->next_out = reinterpret_cast<Bytef*>(out.data() + made);
        stream->avail_out = static_cast<uInt>(std::min<std::size_t>(room - made, UINT_MAX));
        const std::size_t offered = stream->avail_out;
        const int rv = inflate(stream, Z_NO_FLUSH);
        made += offered - stream->avail_out;
        if (made > limit) return DecompressResult::too_large;
        if (rv == Z_STREAM_END) {
            out.resize(made);
            return stream->avail_in == 0 ? DecompressResult::ok : DecompressResult::corrupt;
        }
        if (rv != Z_OK && rv != Z_BUF_ERROR) return DecompressResult::corrupt;
        if (stream->avail_out != 0) return DecompressResult::corrupt;  // it ends in the middle
        if (made < room) continue;
        // One byte beyond the limit shows that there is more.
        room = std::min(room * 2, limit + 1);
    }
}

}  // namespace wire
}  // namespace weft::grpc
