// Counters: of a cell of an array, or of a table entry.
#pragma once

#include <weft/p4runtime/table_entry.hpp>

#include <cstdint>
#include <optional>
#include <string>

namespace weft::p4runtime {

// One cell of an indirect counter; without an index all cells (in reads, and as a wildcard write).
class CounterEntry {
public:
    CounterEntry() = default;
    explicit CounterEntry(std::string counter_, std::optional<std::int64_t> index_ = std::nullopt)
        : counter(std::move(counter_)), index(index_) {}

    CounterEntry& set(CounterData value) & {
        data = value;
        return *this;
    }
    CounterEntry&& set(CounterData value) && { return std::move(set(value)); }

    std::string counter;  // empty in a read: every counter of the program
    std::optional<std::int64_t> index;
    CounterData data;

    friend bool operator==(const CounterEntry&, const CounterEntry&) = default;
};

// The counter of a table entry. entry holds the key only.
class DirectCounterEntry {
public:
    DirectCounterEntry() = default;
    explicit DirectCounterEntry(TableEntry entry_, CounterData data_ = CounterData())
        : entry(std::move(entry_)), data(data_) {}

    TableEntry entry;
    CounterData data;

    friend bool operator==(const DirectCounterEntry&, const DirectCounterEntry&) = default;
};

}  // namespace weft::p4runtime
