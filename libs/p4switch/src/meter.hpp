// A two-rate three-colour meter cell, colour blind, on an injected clock.
#pragma once

#include <weft/p4switch/entry.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace weft::p4switch {

// Throws InvalidError for rates that are negative, not finite, or in which the committed exceeds the peak.
void check_meter(const MeterConfig& config);

class MeterCell {
public:
    enum Colour : std::uint8_t { green = 0, yellow = 1, red = 2 };

    // Both buckets are full after it.
    void configure(const MeterConfig& config, std::chrono::nanoseconds now) {
        config_ = config;
        since_ = now;
        committed_ = {static_cast<double>(config.committed_burst), 0};
        peak_ = {static_cast<double>(config.peak_burst), 0};
    }
    void reset() { config_.reset(); }
    [[nodiscard]] const std::optional<MeterConfig>& config() const { return config_; }

    // The order is BMv2's: a packet that the peak bucket refuses takes nothing from either, one that only the
    // committed bucket refuses has paid the peak bucket. A cell that nobody configured says green.
    Colour execute(std::uint64_t cost, std::chrono::nanoseconds now) {
        if (!config_) return green;
        if (!take(peak_, config_->peak_rate, config_->peak_burst, cost, now)) return red;
        return take(committed_, config_->committed_rate, config_->committed_burst, cost, now) ? green
                                                                                              : yellow;
    }

private:
    struct Bucket {
        double tokens = 0;
        double credited = 0;  // since the configuration; whole tokens only
    };

    bool take(Bucket& bucket, double rate, std::uint64_t burst, std::uint64_t cost,
              std::chrono::nanoseconds now) {
        const double seconds = std::chrono::duration<double>(now - since_).count();
        const double earned = std::floor(std::max(seconds, 0.0) * rate);
        if (earned > bucket.credited) {
            bucket.tokens = std::min(static_cast<double>(burst), bucket.tokens + earned - bucket.credited);
            bucket.credited = earned;
        }
        if (bucket.tokens < static_cast<double>(cost)) return false;
        bucket.tokens -= static_cast<double>(cost);
        return true;
    }

    std::optional<MeterConfig> config_;
    std::chrono::nanoseconds since_{0};
    Bucket committed_, peak_;
};

}  // namespace weft::p4switch
