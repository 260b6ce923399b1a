#include "busy_poll.hpp"

#include <algorithm>
#include <ctime>

#include <unistd.h>

namespace weft::detail {

namespace {

using namespace std::chrono_literals;

constexpr Duration most = 100us;
constexpr unsigned short_waits_wanted = 2;
constexpr unsigned most_penalty = 1024;
// For looks that found something, but late: of two loops that answer each other, both must try at the same
// time.
constexpr unsigned most_penalty_for_late = 64;
// Looks in a row after which their mean counts, and after which failures before are forgiven.
constexpr unsigned trusted = 16;
// The thread's clock is a system call: a few sleeps are measured at first, then one of many.
constexpr unsigned first_measured = 8;
constexpr unsigned measured_every = 64;

Duration cpu_time() noexcept {
    timespec time{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

// With one processor, what is waited for happens while this thread does not run.
bool others_can_run() noexcept {
    static const bool several = ::sysconf(_SC_NPROCESSORS_ONLN) > 1;
    return several;
}

}  // namespace

void BusyPoll::set_limit(std::optional<Duration> limit) noexcept {
    // So that it can be added to a time.
    if (limit) limit = std::min<Duration>(*limit, std::chrono::hours(1));
    limit_ = limit;
    looks_ = false;
    short_waits_ = 0;
}

// Two loops that answer each other find the other asleep at first, and must outlast its waking once.
Duration BusyPoll::longest() const noexcept { return limit_ ? *limit_ : std::min<Duration>(5 * cost_, most); }

void BusyPoll::found(Duration after) noexcept {
    mean_ = found_ == 0 ? after : (7 * mean_ + after) / 8;
    if (++found_ < trusted) return;
    // Whoever wakes this thread pays about as much as it does itself. More than that is not worth looking.
    if (!limit_ && mean_ > 2 * cost_) return give_up(most_penalty_for_late);
    penalty_ = 1;
}

void BusyPoll::missed() noexcept { give_up(most_penalty); }

void BusyPoll::give_up(unsigned longest_penalty) noexcept {
    looks_ = false;
    short_waits_ = 0;
    found_ = 0;
    skip_ = penalty_;
    penalty_ = std::min(2 * penalty_, longest_penalty);
}

void BusyPoll::slept(Duration time) noexcept {
    if (time > 2 * longest() || !others_can_run()) {
        short_waits_ = 0;
    } else if (skip_ != 0) {
        --skip_;
    } else if (++short_waits_ >= short_waits_wanted) {
        looks_ = longest() > Duration::zero();
    }
}

BusyPoll::Sleep::Sleep(BusyPoll& owner) noexcept : owner_(owner), begin_(Clock::now()) {
    const unsigned n = owner.sleeps_++;
    if (!owner.limit_ && (n < first_measured || n % measured_every == 0)) cpu_ = cpu_time();
}

BusyPoll::Sleep::~Sleep() {
    if (cpu_) {
        const Duration cost = cpu_time() - *cpu_;
        owner_.cost_ = owner_.sleeps_ == 1 ? cost : (7 * owner_.cost_ + cost) / 8;
    }
    owner_.slept(Clock::now() - begin_);
}

}  // namespace weft::detail
