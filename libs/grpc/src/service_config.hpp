// The service config: what a channel does by itself, per method. JSON as grpc's service_config.proto maps it.
#pragma once

#include <weft/core/timer.hpp>
#include <weft/grpc/status.hpp>

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace weft::grpc::detail {

// Sets of the seventeen codes.
class CodeSet {
public:
    void add(StatusCode code) noexcept { bits_ |= 1U << static_cast<unsigned>(code); }
    [[nodiscard]] bool has(StatusCode code) const noexcept {
        return (bits_ >> static_cast<unsigned>(code) & 1U) != 0;
    }

private:
    std::uint32_t bits_ = 0;
};

// gRFC A6.
struct RetryPolicy {
    int max_attempts = 0;  // the first one included; 2 to 5
    Duration initial_backoff{};
    Duration max_backoff{};
    double multiplier = 1;
    CodeSet codes;
    // The pause before attempt `n` (2 is the first retry), ±20 %.
    [[nodiscard]] Duration pause_before(int n) const;
};

// gRFC A6, too.
struct HedgingPolicy {
    int max_attempts = 0;  // the first one included; 2 to 5
    Duration delay{};      // before each further copy
    CodeSet non_fatal;     // after these codes the next copy is due at once
};

struct MethodConfig {
    std::optional<Duration> timeout;
    std::optional<bool> wait_for_ready;
    std::optional<std::size_t> max_request;
    std::optional<std::size_t> max_response;
    std::optional<RetryPolicy> retry;
    std::optional<HedgingPolicy> hedging;
};

// gRFC A6, "Throttling Retry Attempts": one for a channel.
class RetryThrottle {
public:
    RetryThrottle() = default;
    RetryThrottle(double max_tokens, double ratio) noexcept
        : max_(max_tokens), tokens_(max_tokens), ratio_(ratio) {}
    void succeeded() noexcept {
        if (max_ > 0) tokens_ = tokens_ + ratio_ < max_ ? tokens_ + ratio_ : max_;
    }
    // Counts a failure; true when it may be retried.
    [[nodiscard]] bool failed() noexcept {
        if (max_ <= 0) return true;
        tokens_ = tokens_ > 1 ? tokens_ - 1 : 0;
        return tokens_ > max_ / 2;
    }

private:
    double max_ = 0;  // 0: no throttling
    double tokens_ = 0;
    double ratio_ = 0;
};

class ServiceConfig {
public:
    ServiceConfig() = default;
    // Throws UsageError that names what is wrong; unknown fields are passed over.
    explicit ServiceConfig(std::string_view json);

    // Null when nothing is said about the method: "/package.Service/Method".
    [[nodiscard]] const MethodConfig* find(std::string_view method) const noexcept;
    // The first policy of loadBalancingConfig that we have; empty when there is none.
    [[nodiscard]] const std::string& balancing() const noexcept { return balancing_; }
    [[nodiscard]] const RetryThrottle& throttle() const noexcept { return throttle_; }
    // healthCheckConfig.serviceName; nullopt: no checks.
    [[nodiscard]] const std::optional<std::string>& health_service() const noexcept {
        return health_service_;
    }

private:
    std::vector<MethodConfig> configs_;
    std::map<std::string, std::size_t, std::less<>> names_;  // "Service/Method", "Service/" or ""
    std::string balancing_;
    RetryThrottle throttle_;
    std::optional<std::string> health_service_;
};

}  // namespace weft::grpc::detail
