#include "payload.hpp"

#include <weft/mesh/error.hpp>
#include <weft/mesh/frame.hpp>

#include <cstdint>
#include <utility>

#include <sys/mman.h>

namespace weft::mesh {

namespace {

constexpr std::size_t least_spare = std::size_t{128} << 10;
constexpr std::size_t most_spare = std::size_t{32} << 20;

// Copying to and from many small pages takes a fifth longer.
void ask_for_huge_pages(Bytes& empty) noexcept {
    constexpr std::uintptr_t huge_page = std::uintptr_t{2} << 20;
    const auto begin = reinterpret_cast<std::uintptr_t>(empty.data());
    const std::uintptr_t first = (begin + huge_page - 1) / huge_page * huge_page;
    const std::uintptr_t last = (begin + empty.capacity()) / huge_page * huge_page;
    if (first >= last) return;
    (void)::madvise(reinterpret_cast<void*>(first), last - first,
                    MADV_HUGEPAGE);  // advice, to a kernel that may have none
}

Bytes& spare() {
    thread_local Bytes bytes;
    return bytes;
}

struct SharedValue {
    explicit SharedValue(Value v) noexcept : value(std::move(v)) {}
    SharedValue(const SharedValue&) = delete;
    SharedValue& operator=(const SharedValue&) = delete;
    ~SharedValue() {
        auto* bytes = value.get_if<Bytes>();
        if (bytes && bytes->size() >= least_spare && bytes->capacity() <= most_spare)
            spare() = std::move(*bytes);
    }
    Value value;
};

}  // namespace

std::shared_ptr<const Value> shared_value(Value value) {
    auto shared = std::make_shared<SharedValue>(std::move(value));
    return {shared, &shared->value};
}

Bytes spare_bytes(std::size_t size) {
    Bytes& kept = spare();
    Bytes out;
    // Not one that is far larger: whoever gets the message may keep it.
    if (kept.capacity() >= size && kept.capacity() / 2 <= size) {
        out.swap(kept);
        if (out.size() > size) out.resize(size);
    } else {
        kept = Bytes();
        out.reserve(size);
        ask_for_huge_pages(out);
    }
    return out;
}

Payload opaque_payload(std::shared_ptr<const Value> value) {
    std::span<const std::byte> bytes;
    if (const auto* text = value->get_if<std::string>()) {
        if (!valid_utf8(*text)) throw EncodeError("a text is not UTF-8; send it as Bytes");
        bytes = std::as_bytes(std::span(*text));
    } else if (const auto* data = value->get_if<Bytes>()) {
        bytes = *data;
    }
    return {std::move(value), bytes};
}

Payload buffer_payload(Buffer buffer) {
    auto kept = std::make_shared<const Buffer>(std::move(buffer));
    const std::span<const std::byte> bytes = kept->bytes();
    return {std::move(kept), bytes};
}

}  // namespace weft::mesh
