#include "extension.hpp"

#include "link.hpp"

#include <charconv>

namespace weft::mesh {

namespace {
constexpr std::size_t head_size = 3;
}

std::optional<std::string_view> Extension::attribute(std::string_view key) const noexcept {
    std::string_view rest = attributes;
    while (!rest.empty()) {
        const std::size_t end = rest.find('\n');
        const std::string_view line = rest.substr(0, end);
        if (line.size() > key.size() && line.starts_with(key) && line[key.size()] == '=')
            return line.substr(key.size() + 1);
        if (end == std::string_view::npos) break;
        rest.remove_prefix(end + 1);
    }
    return std::nullopt;
}

std::uint64_t Extension::number(std::string_view key) const noexcept {
    const auto text = attribute(key);
    std::uint64_t out = 0;
    if (!text) return 0;
    const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), out);
    return error == std::errc() && end == text->data() + text->size() ? out : 0;
}

bool parse_extension(std::span<const std::byte> data, Extension& out) noexcept {
    if (data.size() < head_size) return false;
    const auto byte = [&](std::size_t i) { return std::to_integer<std::size_t>(data[i]); };
    const std::size_t size = byte(1) | byte(2) << 8;
    if (size > data.size() - head_size) return false;
    out.kind = static_cast<ExtKind>(byte(0));
    out.attributes = {reinterpret_cast<const char*>(data.data()) + head_size, size};
    out.data = data.subspan(head_size + size);
    return valid_utf8(out.attributes);
}

void append_extension_head(ExtKind kind, std::string_view attributes, Buffer& out) {
    out.push(static_cast<std::uint8_t>(kind));
    out.push(static_cast<std::uint8_t>(attributes.size()));
    out.push(static_cast<std::uint8_t>(attributes.size() >> 8));
    out.append(attributes);
}

void send_extension(Link& link, FrameHeader header, const Route& route, ExtKind kind,
                    std::string_view attributes, Payload payload) {
    FrameWriter writer(link.out(), route.from, route.to, route.function);
    append_extension_head(kind, attributes, writer.data());
    header.flag = Flag::extension;
    if (writer.finish(header, payload.bytes.size())) link.sent(std::move(payload));
}

void append_extension(Buffer& out, FrameHeader header, const Route& route, ExtKind kind,
                      std::string_view attributes, std::span<const std::byte> data) {
    FrameWriter writer(out, route.from, route.to, route.function);
    append_extension_head(kind, attributes, out);
    out.append(data);
    header.flag = Flag::extension;
    (void)writer.finish(header);
}

void send_extension(Link& link, FrameHeader header, const Route& route, ExtKind kind,
                    std::string_view attributes, std::span<const std::byte> data) {
    append_extension(link.out(), header, route, kind, attributes, data);
    link.sent();
}

}  // namespace weft::mesh
