// nghttp2's form of a header block, on the stack for blocks of ordinary size.
#pragma once

#include <weft/http2/header.hpp>

#include <nghttp2/nghttp2.h>

#include <array>
#include <vector>

namespace weft::http2 {

// Borrows the fields' text; nghttp2 copies it when the block is submitted.
class NativeFields {
public:
    explicit NativeFields(HeaderBlock fields) : size_(fields.size()) {
        if (size_ > small_.size()) {
            large_.resize(size_);
            data_ = large_.data();
        }
        for (std::size_t i = 0; i < size_; ++i) {
            const HeaderField& field = fields[i];
            data_[i] = {
                bytes(field.name), bytes(field.value), field.name.size(), field.value.size(),
                static_cast<std::uint8_t>(field.no_index ? NGHTTP2_NV_FLAG_NO_INDEX : NGHTTP2_NV_FLAG_NONE)};
        }
    }
    NativeFields(const NativeFields&) = delete;
    NativeFields& operator=(const NativeFields&) = delete;

    [[nodiscard]] const nghttp2_nv* data() const noexcept { return data_; }
    [[nodiscard]] std::size_t size() const noexcept { return size_; }

private:
    static std::uint8_t* bytes(std::string_view text) {
        return reinterpret_cast<std::uint8_t*>(const_cast<char*>(text.data()));
    }
    std::array<nghttp2_nv, 16> small_;
    std::vector<nghttp2_nv> large_;
    nghttp2_nv* data_ = small_.data();
    std::size_t size_;
};

}  // namespace weft::http2
