// Cells of P4 registers.
#pragma once

#include <weft/p4runtime/data.hpp>

#include <cstdint>
#include <optional>
#include <string>

namespace weft::p4runtime {

// One cell of a register; without an index all cells.
class RegisterEntry {
public:
    RegisterEntry() = default;
    explicit RegisterEntry(std::string register_name_, std::optional<std::int64_t> index_ = std::nullopt,
                           Data data_ = Data())
        : register_name(std::move(register_name_)), index(index_), data(std::move(data_)) {}

    std::string register_name;
    std::optional<std::int64_t> index;
    Data data;

    friend bool operator==(const RegisterEntry&, const RegisterEntry&) = default;
};

}  // namespace weft::p4runtime
