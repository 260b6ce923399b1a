#include <weft/core/timeout.hpp>

#include <cstdio>

namespace weft {

TimeoutScope::TimeoutScope(Duration limit)
    : task_(detail::current_task()), outer_requests_(task_.cancel_requests()) {
    task_.loop().arm_after(*this, limit);
}

TimeoutScope::TimeoutScope(TimePoint end)
    : task_(detail::current_task()), outer_requests_(task_.cancel_requests()) {
    task_.loop().arm(*this, end);
}

TimeoutScope::~TimeoutScope() { finish(); }

void TimeoutScope::fire() noexcept {
    expired_ = true;
    request_ = task_.request_cancel();
}

// Takes the scope's own request back, delivered or not; returns how many remain.
unsigned TimeoutScope::finish() noexcept {
    disarm();
    if (ended_) return task_.cancel_requests();
    ended_ = true;
    return expired_ ? task_.withdraw(request_) : task_.cancel_requests();
}

bool TimeoutScope::claim() noexcept { return expired_ && !ended_ && finish() <= outer_requests_; }

void TimeoutScope::reschedule(Duration limit) noexcept {
    if (!expired_ && !ended_) task_.loop().arm_after(*this, limit);
}

void TimeoutScope::reschedule(TimePoint end) noexcept {
    if (!expired_ && !ended_) task_.loop().arm(*this, end);
}

void throw_deadline() { throw TimeoutError("the deadline passed"); }

void throw_timeout(Duration limit) {
    char text[64];
    std::snprintf(text, sizeof text, "timed out after %g s", std::chrono::duration<double>(limit).count());
    throw TimeoutError(text);
}

}  // namespace weft
