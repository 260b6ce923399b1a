// The forwarding pipeline of a switch: P4Info, the target's own configuration, and a cookie.
#pragma once

#include <weft/p4runtime/p4info.hpp>

#include <cstdint>
#include <optional>
#include <string>

namespace weft::p4runtime {

// What to do with a pipeline config.
enum class PipelineAction : std::uint8_t {
    verify = 1,                // check only
    verify_and_save = 2,       // check and keep for a later commit; writes are for the saved one from now on
    verify_and_commit = 3,     // check and run it; the state of the old one is lost
    commit = 4,                // run the saved one
    reconcile_and_commit = 5,  // run it and keep the state; a switch may not be able to
};

class PipelineConfig {
public:
    PipelineConfig() = default;
    PipelineConfig(P4Info p4info_, std::string device_config_,
                   std::optional<std::uint64_t> cookie_ = std::nullopt)
        : p4info(std::move(p4info_)), device_config(std::move(device_config_)), cookie(cookie_) {}

    // From p4c's files: P4Info (text or binary) and, for BMv2 and p4switch, the JSON. Throws P4InfoError.
    [[nodiscard]] static PipelineConfig load(const std::string& p4info_path, const std::string& json_path);

    P4Info p4info;
    std::string device_config;            // bytes that only the target understands
    std::optional<std::uint64_t> cookie;  // the controller's mark, returned by get_pipeline_config()
};

}  // namespace weft::p4runtime
