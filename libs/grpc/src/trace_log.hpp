// TraceLog: the last changes of state of a channel or subchannel, for channelz. Off every hot path.
#pragma once

#include "time_now.hpp"

#include <weft/grpc/introspection.hpp>

#include <cstddef>
#include <string>
#include <utility>

namespace weft::grpc::detail {

class TraceLog {
public:
    TraceLog() { trace_.created = time_now(); }

    void add(std::string text, bool failure) {
        auto& events = trace_.events;
        if (events.size() == most_events) events.erase(events.begin());
        events.push_back({time_now(), std::move(text), failure});
        ++trace_.logged;
    }
    // Without memory the event is not told.
    void state_changed(ChannelConnectivity state, const std::string& why) noexcept {
        const bool failure = state == ChannelConnectivity::transient_failure;
        try {
            std::string text = "state is " + std::string(to_string(state));
            if (failure) text += ": " + why;
            add(std::move(text), failure);
        } catch (...) {
        }
    }
    [[nodiscard]] const Trace& trace() const noexcept { return trace_; }

private:
    static constexpr std::size_t most_events = 32;
    Trace trace_;
};

}  // namespace weft::grpc::detail
