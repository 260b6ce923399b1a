// Collects the samples of the program's digests into lists, as each digest's configuration says.
#pragma once

#include "entity_io.hpp"

#include <weft/core/loop.hpp>
#include <weft/core/timer.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>

namespace weft::p4switch {

// A sample that is in a list which was sent and not acknowledged is not sent again before the ack timeout
// (specification, "DigestEntry").
class DigestSender final : private Timer {
public:
    using Send = std::function<void(p4::v1::DigestList&&)>;

    explicit DigestSender(Send send) : send_(std::move(send)) {}

    void sample(const PipelineMap& map, const DigestConfigs& configs, const Digest& digest);
    void acknowledge(std::uint32_t digest_id, std::uint64_t list_id);
    // Forgets everything: another pipeline, or another primary.
    void reset();

private:
    struct SentList {
        std::uint64_t list_id;
        TimePoint sent_at;
        std::vector<std::string> samples;
    };
    struct State {
        p4::v1::DigestList open;
        TimePoint send_at;
        std::vector<std::string> open_samples;
        std::set<std::string> suppressed;  // in the open list, or sent and waiting for its ack
        std::vector<SentList> sent;
        std::chrono::nanoseconds ack_timeout{0};
    };

    void fire() noexcept override;
    void flush(std::uint32_t id, State& state);
    void forget_expired(State& state);
    void arm_next();

    Send send_;
    std::map<std::uint32_t, State> states_;
    std::uint64_t next_list_id_ = 1;
};

}  // namespace weft::p4switch
