// Meters: of a cell of an array, or of a table entry.
#pragma once

#include <weft/p4runtime/table_entry.hpp>

#include <cstdint>
#include <optional>
#include <string>

namespace weft::p4runtime {

// One cell of an indirect meter; without an index all cells. Writing without a config resets the meter.
class MeterEntry {
public:
    MeterEntry() = default;
    explicit MeterEntry(std::string meter_, std::optional<std::int64_t> index_ = std::nullopt,
                        std::optional<MeterConfig> config_ = std::nullopt)
        : meter(std::move(meter_)), index(index_), config(config_) {}

    std::string meter;  // empty in a read: every meter of the program
    std::optional<std::int64_t> index;
    std::optional<MeterConfig> config;
    std::optional<MeterCounterData> counter;

    friend bool operator==(const MeterEntry&, const MeterEntry&) = default;
};

// The meter of a table entry. entry holds the key only.
class DirectMeterEntry {
public:
    DirectMeterEntry() = default;
    explicit DirectMeterEntry(TableEntry entry_, std::optional<MeterConfig> config_ = std::nullopt)
        : entry(std::move(entry_)), config(config_) {}

    TableEntry entry;
    std::optional<MeterConfig> config;
    std::optional<MeterCounterData> counter;

    friend bool operator==(const DirectMeterEntry&, const DirectMeterEntry&) = default;
};

}  // namespace weft::p4runtime
