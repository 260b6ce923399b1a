// A committed or saved pipeline: the running switch, its P4Info, and the way from IDs to the switch's names.
#pragma once

#include "request_status.hpp"

#include <weft/p4switch/switch.hpp>

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include <p4/config/v1/p4info.pb.h>
#include <p4/v1/p4runtime.pb.h>

namespace weft::p4switch {

// Big-endian without leading zero bytes; "\0" for zero. Throws Refusal for an empty string.
[[nodiscard]] std::string canonical(const std::string& bytes, const std::string& field);

class PipelineMap {
public:
    // Checks that the two descriptions fit together. Throws Refusal.
    PipelineMap(const p4::config::v1::P4Info& p4info, const Program& program);
    PipelineMap(const PipelineMap&) = delete;  // its maps point into its own P4Info
    PipelineMap& operator=(const PipelineMap&) = delete;

    struct TableRef {
        const p4::config::v1::Table* info = nullptr;
        bool has_priority = false;
        bool has_counter = false;
        bool has_meter = false;
        bool idle_timeout = false;
    };

    // Throw Refusal: NOT_FOUND for IDs that the P4Info does not have.
    [[nodiscard]] const TableRef& table(std::uint32_t id) const;
    [[nodiscard]] const p4::config::v1::MatchField& field(const p4::config::v1::Table& table,
                                                          std::uint32_t id) const;
    [[nodiscard]] const p4::config::v1::Action& action(std::uint32_t id) const;
    [[nodiscard]] const p4::config::v1::Action& action(const std::string& name) const;
    [[nodiscard]] const std::string& profile(std::uint32_t id) const {
        return name(profiles_, id, "action profile");
    }
    [[nodiscard]] const std::string& counter(std::uint32_t id) const {
        return name(counters_, id, "counter");
    }
    [[nodiscard]] const std::string& meter(std::uint32_t id) const { return name(meters_, id, "meter"); }
    [[nodiscard]] const std::string& register_array(std::uint32_t id) const {
        return name(registers_, id, "register");
    }
    [[nodiscard]] const p4::config::v1::ValueSet& value_set(std::uint32_t id) const;
    [[nodiscard]] const p4::config::v1::Digest& digest(std::uint32_t id) const;

    [[nodiscard]] const std::map<std::uint32_t, TableRef>& tables() const noexcept { return tables_; }
    [[nodiscard]] const std::map<std::uint32_t, std::string>& profiles() const noexcept { return profiles_; }
    [[nodiscard]] const std::map<std::uint32_t, std::string>& counters() const noexcept { return counters_; }
    [[nodiscard]] const std::map<std::uint32_t, std::string>& meters() const noexcept { return meters_; }
    [[nodiscard]] const std::map<std::uint32_t, std::string>& registers() const noexcept {
        return registers_;
    }
    [[nodiscard]] std::uint32_t size_of(const std::string& array) const;
    // nullptr when the program has no such controller header.
    [[nodiscard]] const p4::config::v1::ControllerPacketMetadata* header(const std::string& name) const;
    [[nodiscard]] const p4::config::v1::P4Info& p4info() const noexcept { return p4info_; }
    [[nodiscard]] std::uint32_t table_id(const std::string& name) const;
    [[nodiscard]] std::uint32_t digest_id(const std::string& name) const;  // 0: none

    // Throws Refusal unless the table may use the action in that place.
    void check_scope(const p4::config::v1::Table& table, std::uint32_t action_id, bool as_default) const;

private:
    [[nodiscard]] static const std::string& name(const std::map<std::uint32_t, std::string>& names,
                                                 std::uint32_t id, const char* kind);

    p4::config::v1::P4Info p4info_;
    std::map<std::uint32_t, TableRef> tables_;
    std::map<std::string, std::uint32_t> table_ids_;
    std::map<std::uint32_t, const p4::config::v1::Action*> actions_;
    std::map<std::string, const p4::config::v1::Action*> actions_by_name_;
    std::map<std::uint32_t, std::string> profiles_, counters_, meters_, registers_;
    std::map<std::string, std::uint32_t> array_sizes_;
};

// One pipeline with its switch.
struct Pipeline {
    p4::v1::ForwardingPipelineConfig config;
    std::shared_ptr<const PipelineMap> map;
    std::unique_ptr<Switch> saved;  // until it is committed; then the device owns it
};

// Compiles and checks. Throws Refusal (INVALID_ARGUMENT) with the reason.
[[nodiscard]] Pipeline build_pipeline(const p4::v1::ForwardingPipelineConfig& config);

}  // namespace weft::p4switch
