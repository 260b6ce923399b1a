// A table over the 65,536 call ids of one connection. Pages of 256 are made when they are used.
#pragma once

#include <array>
#include <cstdint>
#include <memory>

namespace weft::mesh {

// T{} means free.
template <class T>
class IdTable {
    struct Page {
        std::array<T, 256> slots{};
        unsigned used = 0;
    };
    using Pages = std::array<std::unique_ptr<Page>, 256>;

public:
    [[nodiscard]] T get(std::uint16_t id) const noexcept {
        if (!pages_) return T{};
        const auto& page = (*pages_)[id >> 8];
        return page ? page->slots[id & 255] : T{};
    }
    void set(std::uint16_t id, T value) {
        if (!pages_) pages_ = std::make_unique<Pages>();
        auto& page = (*pages_)[id >> 8];
        if (!page) page = std::make_unique<Page>();
        T& slot = page->slots[id & 255];
        if (slot == T{}) {
            ++page->used;
            ++size_;
        }
        slot = value;
    }
    void erase(std::uint16_t id) noexcept {
        if (!pages_) return;
        auto& page = (*pages_)[id >> 8];
        if (!page) return;
        T& slot = page->slots[id & 255];
        if (slot == T{}) return;
        slot = T{};
        --size_;
        if (--page->used == 0 && spare_page_ != (id >> 8)) {
            // Ids count upwards: the page just left is freed when the next one is left.
            const auto old = spare_page_;
            spare_page_ = static_cast<std::uint16_t>(id >> 8);
            auto& previous = (*pages_)[old];
            if (previous && previous->used == 0) previous.reset();
        }
    }
    [[nodiscard]] std::size_t size() const noexcept { return size_; }

    // f(id, value) for each; f may erase the one that it is given.
    template <class F>
    void for_each(F&& f) {
        if (!pages_) return;
        for (unsigned p = 0; p < 256; ++p)
            for (unsigned i = 0; i < 256; ++i) {
                Page* page = (*pages_)[p].get();
                if (!page || page->used == 0) break;
                if (const T value = page->slots[i]; !(value == T{}))
                    f(static_cast<std::uint16_t>(p << 8 | i), value);
            }
    }

private:
    std::unique_ptr<Pages> pages_;
    std::size_t size_ = 0;
    std::uint16_t spare_page_ = 0;
};

}  // namespace weft::mesh
