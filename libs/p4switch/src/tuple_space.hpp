// Tuple-space search over ternary entries: one hash table for each mask in use, best first.
//
// Real access lists have many entries and few masks, so a lookup costs a few hash probes instead of a scan.
// The index is derived from the sorted rows of the table and built again after a change, once enough lookups
// have come to pay for it.
#pragma once

#include "key_map.hpp"

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <vector>

namespace weft::p4switch {

class TupleSpace {
public:
    static constexpr std::size_t least_rows = 32;

    void invalidate() {
        built_ = false;
        waiting_ = 0;
    }

    // False while a scan is the better way. `rows`: value and mask of each entry, winner first.
    bool ready(const std::vector<std::uint64_t>& rows, std::size_t count, std::uint32_t words) {
        if (built_) return !tuples_.empty();
        if (count < least_rows || ++waiting_ < count / 4) return false;
        build(rows, count, words);
        return !tuples_.empty();
    }

    // The first row that matches, or KeyMap::absent.
    [[nodiscard]] std::uint32_t find(const std::uint64_t* key, std::uint64_t* scratch) const {
        std::uint32_t best = KeyMap::absent;
        for (const auto& tuple : tuples_) {
            if (tuple->first > best) break;
            for (std::size_t i = 0; i < tuple->mask.size(); ++i) scratch[i] = key[i] & tuple->mask[i];
            best = std::min(best, tuple->rows.find(scratch));
        }
        return best;
    }

private:
    struct Tuple {
        std::uint32_t first = 0;  // its best row
        std::vector<std::uint64_t> mask;
        KeyMap rows;
    };

    void build(const std::vector<std::uint64_t>& rows, std::size_t count, std::uint32_t words) {
        tuples_.clear();
        built_ = true;
        std::map<std::vector<std::uint64_t>, Tuple*> by_mask;
        for (std::size_t row = 0; row < count; ++row) {
            const std::uint64_t* value = rows.data() + row * 2 * words;
            const std::vector<std::uint64_t> mask(value + words, value + 2 * words);
            Tuple*& tuple = by_mask[mask];
            if (tuple == nullptr) {
                // With nearly as many masks as entries the scan is cheaper.
                if (tuples_.size() * 4 >= count) {
                    tuples_.clear();
                    return;
                }
                tuples_.push_back(
                    std::make_unique<Tuple>(Tuple{static_cast<std::uint32_t>(row), mask, KeyMap(words)}));
                tuple = tuples_.back().get();
            }
            if (tuple->rows.find(value) == KeyMap::absent)
                tuple->rows.insert(value, static_cast<std::uint32_t>(row));
        }
    }

    std::vector<std::unique_ptr<Tuple>> tuples_;
    bool built_ = false;
    std::size_t waiting_ = 0;
};

}  // namespace weft::p4switch
