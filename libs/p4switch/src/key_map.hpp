// A hash table from packed keys (whole 64-bit words) to numbers: open addressing, keys in one array.
#pragma once

#include <cstdint>
#include <cstring>
#include <vector>

namespace weft::p4switch {

class KeyMap {
public:
    static constexpr std::uint32_t absent = 0xffffffff;

    explicit KeyMap(std::uint32_t words) : words_(words) { resize(16); }

    [[nodiscard]] std::uint32_t find(const std::uint64_t* key) const {
        const std::uint64_t hash = hash_of(key);
        for (std::size_t at = hash & mask_;; at = (at + 1) & mask_) {
            const Slot& slot = slots_[at];
            if (slot.value == absent) return absent;
            if (slot.tag == static_cast<std::uint32_t>(hash >> 32) && same(at, key)) return slot.value;
        }
    }

    // The key must be absent.
    void insert(const std::uint64_t* key, std::uint32_t value) {
        if ((size_ + 1) * 2 > slots_.size()) resize(slots_.size() * 2);
        place(key, value);
        ++size_;
    }

    void erase(const std::uint64_t* key) {
        std::size_t at = hash_of(key) & mask_;
        while (slots_[at].value != absent && !same(at, key)) at = (at + 1) & mask_;
        if (slots_[at].value == absent) return;
        --size_;
        // Later keys of the run move up, so that no tombstones are needed.
        for (std::size_t next = (at + 1) & mask_; slots_[next].value != absent; next = (next + 1) & mask_) {
            const std::size_t home = hash_of(key_at(next)) & mask_;
            if (((next - home) & mask_) < ((next - at) & mask_)) continue;
            slots_[at] = slots_[next];
            std::memcpy(&keys_[at * words_], key_at(next), words_ * 8);
            at = next;
        }
        slots_[at].value = absent;
    }

    [[nodiscard]] std::size_t size() const { return size_; }

private:
    struct Slot {
        std::uint32_t tag = 0;
        std::uint32_t value = absent;
    };

    [[nodiscard]] std::uint64_t hash_of(const std::uint64_t* key) const {
        std::uint64_t hash = 0x9e3779b97f4a7c15;
        for (std::uint32_t i = 0; i < words_; ++i) {
            hash = (hash ^ key[i]) * 0xff51afd7ed558ccd;
            hash ^= hash >> 32;
        }
        hash *= 0xc4ceb9fe1a85ec53;
        return hash ^ (hash >> 29);
    }
    [[nodiscard]] const std::uint64_t* key_at(std::size_t slot) const { return &keys_[slot * words_]; }
    [[nodiscard]] bool same(std::size_t slot, const std::uint64_t* key) const {
        const std::uint64_t* stored = key_at(slot);
        for (std::uint32_t i = 0; i < words_; ++i)
            if (stored[i] != key[i]) return false;
        return true;
    }
    void place(const std::uint64_t* key, std::uint32_t value) {
        const std::uint64_t hash = hash_of(key);
        std::size_t at = hash & mask_;
        while (slots_[at].value != absent) at = (at + 1) & mask_;
        slots_[at] = {static_cast<std::uint32_t>(hash >> 32), value};
        std::memcpy(&keys_[at * words_], key, words_ * 8);
    }
    void resize(std::size_t slots) {
        std::vector<Slot> old_slots(slots);
        std::vector<std::uint64_t> old_keys(slots * words_);
        old_slots.swap(slots_);
        old_keys.swap(keys_);
        mask_ = slots - 1;
        for (std::size_t i = 0; i < old_slots.size(); ++i)
            if (old_slots[i].value != absent) place(&old_keys[i * words_], old_slots[i].value);
    }

    std::uint32_t words_;
    std::size_t mask_ = 0, size_ = 0;
    std::vector<Slot> slots_;
    std::vector<std::uint64_t> keys_;
};

}  // namespace weft::p4switch
