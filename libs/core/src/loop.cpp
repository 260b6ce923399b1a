#include "busy_poll.hpp"

#include <weft/core/error.hpp>
#include <weft/core/gather.hpp>
#include <weft/core/loop.hpp>
#include <weft/core/loop_driver.hpp>
#include <weft/core/unique_fd.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <climits>
#include <mutex>
#include <utility>
#include <vector>

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

namespace weft {

namespace {

using std::chrono::milliseconds;

// Tasks resumed between two looks at the kernel: enough to make the look cheap, few enough that a socket
// that is always ready cannot starve the others for long.
constexpr int resumptions_per_turn = 256;
constexpr std::size_t events_per_poll = 256;
// Cached frames given back in each turn that has nothing else to do: a tenth of a millisecond.
constexpr std::size_t frames_trimmed_per_turn = 4096;

// A reading of the clock costs 22 ns here, of the cycle counter 7. Timers that are armed soon after a reading
// do with the counter: as long as it has moved by less than `same_moment_cycles`, less than `same_moment` has
// passed (no x86-64 counts slower than 1 GHz), which is added, so that no timer is early.
constexpr auto same_moment = std::chrono::microseconds(500);
constexpr std::uint64_t same_moment_cycles = 500'000;
// Shorter delays are kept exactly.
constexpr auto exact_below = milliseconds(20);

std::uint64_t cycle_count() noexcept {
#if defined(__x86_64__)
    return __builtin_ia32_rdtsc();
#else
    return ~std::uint64_t{0};  // never the same moment
#endif
}

}  // namespace

struct Loop::Backend final : FdHandler {
    UniqueFd epoll;
    UniqueFd doorbell;
    TimerWheel wheel;
    std::array<epoll_event, events_per_poll> events;
    int event_count = 0;
    detail::BusyPoll busy_poll;

    std::mutex mutex;
    std::vector<UniqueFunction> posted;  // guarded by mutex
    std::atomic<bool> rung = false;

    void on_events(std::uint32_t) noexcept override {
        std::uint64_t count;
        [[maybe_unused]] const auto n = ::read(doorbell.get(), &count, sizeof count);
    }

    int look() noexcept {
        const int count = ::epoll_wait(epoll.get(), events.data(), events_per_poll, 0);
        return std::max(count, 0);
    }

    // Looks for events until `timeout_ms` (-1: for ever) have passed.
    int wait(int timeout_ms) noexcept {
        if (timeout_ms == 0) return look();
        if (const Duration budget = busy_poll.budget(); budget > Duration::zero()) {
            const Duration longest =
                timeout_ms < 0 ? budget : std::min<Duration>(budget, milliseconds(timeout_ms));
            const TimePoint begin = Clock::now();
            TimePoint now = begin;
            for (; now < begin + longest; now = Clock::now()) {
                const int count = look();
                if (count != 0 || rung.load()) return busy_poll.found(now - begin), count;
            }
            if (timeout_ms > 0) {
                timeout_ms -= static_cast<int>(std::chrono::floor<milliseconds>(now - begin).count());
                if (timeout_ms <= 0) return 0;  // a timer is due, and was all there was to wait for
            }
            busy_poll.missed();
        }
        const detail::BusyPoll::Sleep sleep(busy_poll);
        const int count = ::epoll_wait(epoll.get(), events.data(), events_per_poll, timeout_ms);
        return std::max(count, 0);  // EINTR: a signal handler of the program ran
    }
};

class Loop::RootOwner final : public detail::TaskOwner {
public:
    void child_done(detail::TaskControl&) noexcept override {}
    using TaskOwner::abandon_children;
};

Loop::Loop(TimeSource time)
    : time_source_(time), backend_(make_pimpl<Backend>()), root_(make_pimpl<RootOwner>()) {
    backend_->epoll.reset(::epoll_create1(EPOLL_CLOEXEC));
    if (!backend_->epoll) throw_errno("create the loop's epoll descriptor");
    backend_->doorbell.reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!backend_->doorbell) throw_errno("create the loop's eventfd");
    add_fd(backend_->doorbell.get(), *backend_);
    epoch_ = now_ = time == TimeSource::manual ? TimePoint() : read_clock();
}

Loop::~Loop() {
    Loop* outer = std::exchange(detail::thread_state.loop, this);
    // While it still stands: a destructor may start a task, to have something cleaned up.
    root_->abandon_children();
    while (ready_head_) {
        detail::TaskControl* task = std::exchange(ready_head_, ready_head_->leave_queue());
        task->drop_ref();
    }
    detail::thread_state.loop = outer;
}

void Loop::throw_no_loop() { throw UsageError("no weft loop runs on this thread; start one with weft::run"); }

detail::TaskOwner& Loop::root() noexcept { return *root_; }

void Loop::post(UniqueFunction f) {
    {
        const std::lock_guard lock(backend_->mutex);
        backend_->posted.push_back(std::move(f));
    }
    if (!backend_->rung.exchange(true)) {
        const std::uint64_t one = 1;
        [[maybe_unused]] const auto n = ::write(backend_->doorbell.get(), &one, sizeof one);
    }
}

void Loop::run_posted() noexcept {
    if (!backend_->rung.exchange(false)) return;
    std::vector<UniqueFunction> functions;
    {
        const std::lock_guard lock(backend_->mutex);
        functions.swap(backend_->posted);
    }
    for (UniqueFunction& f : functions) {
        try {
            f();
        } catch (...) {
            if (log_sink_)
                log_sink_->log(LogLevel::error, "a function that was posted to the loop threw: " +
                                                    detail::describe(std::current_exception()));
        }
    }
}

std::uint64_t Loop::tick_of(TimePoint when) const noexcept {
    if (when <= epoch_) return 0;
    return static_cast<std::uint64_t>(std::chrono::ceil<milliseconds>(when - epoch_).count());
}

void Loop::arm(Timer& timer, TimePoint when) noexcept { backend_->wheel.arm(timer, tick_of(when)); }

TimePoint Loop::read_clock() noexcept {
    read_at_ = Clock::now();
    cycles_at_read_ = cycle_count();
    return read_at_;
}

void Loop::arm_after(Timer& timer, Duration delay) noexcept {
    TimePoint from = now_;
    if (time_source_ == TimeSource::steady_clock) {
        // now_ is the start of the turn; a task that computed for long must still get its full delay.
        if (delay >= exact_below && cycle_count() - cycles_at_read_ < same_moment_cycles) {
            from = read_at_ + same_moment;
        } else {
            from = read_clock();
        }
    }
    // A delay that does not fit the clock means "never" (the wheel clamps it to its end, 139 years).
    arm(timer, delay > TimePoint::max() - from ? TimePoint::max() : from + delay);
}

void Loop::busy_poll(std::optional<Duration> limit) noexcept { backend_->busy_poll.set_limit(limit); }

void Loop::add_fd(int fd, FdHandler& handler) {
    epoll_event event{};
    event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLPRI | EPOLLET;
    event.data.ptr = &handler;
    if (::epoll_ctl(backend_->epoll.get(), EPOLL_CTL_ADD, fd, &event) != 0)
        throw_errno("watch descriptor " + std::to_string(fd));
}

void Loop::remove_fd(int fd, FdHandler& handler) noexcept {
    ::epoll_ctl(backend_->epoll.get(), EPOLL_CTL_DEL, fd, nullptr);
    // Events of this batch that were read for it must not reach a dead handler.
    for (int i = 0; i < backend_->event_count; ++i)
        if (backend_->events[i].data.ptr == &handler) backend_->events[i].data.ptr = nullptr;
}

void Loop::update_now() noexcept {
    if (time_source_ == TimeSource::steady_clock) now_ = read_clock();
}

void Loop::run_ready() noexcept {
    for (int budget = resumptions_per_turn; budget > 0 && ready_head_; --budget) {
        detail::TaskControl* task = ready_head_;
        ready_head_ = task->leave_queue();
        if (ready_head_) {
            ready_head_->prefetch_frame();
        } else {
            ready_tail_ = nullptr;
        }
        if (slow_limit_ > Duration::zero()) [[unlikely]] {
            run_watched(*task);
        } else {
            task->run();
        }
    }
}

void Loop::poll(bool block) {
    Backend& b = *backend_;
    int timeout_ms = 0;
    bool jump = false;
    if (block && detail::trim_frames(frames_trimmed_per_turn)) block = false;
    if (block && !b.rung.load()) {
        const std::uint64_t tick = b.wheel.next_tick();
        if (tick == TimerWheel::no_tick) {
            timeout_ms = -1;
        } else if (time_source_ == TimeSource::manual) {
            jump = true;
        } else {
            const auto left = epoch_ + milliseconds(tick) - Clock::now();
            timeout_ms = static_cast<int>(
                std::clamp<std::int64_t>(std::chrono::ceil<milliseconds>(left).count(), 0, INT_MAX));
        }
    }
    b.event_count = b.wait(timeout_ms);
    if (jump && b.event_count == 0) {
        const TimePoint next = epoch_ + milliseconds(b.wheel.next_tick());
        now_ = std::max(now_, next);
    }
    update_now();
    for (int i = 0; i < b.event_count; ++i)
        if (auto* handler = static_cast<FdHandler*>(b.events[i].data.ptr))
            handler->on_events(b.events[i].events);
    b.event_count = 0;
    b.wheel.advance(static_cast<std::uint64_t>(std::chrono::floor<milliseconds>(now_ - epoch_).count()));
    run_posted();
}

void Loop::run_main(detail::TaskControl& main, bool end_others) {
    if (detail::thread_state.loop)
        throw UsageError("a loop already runs on this thread; co_await the task instead of running it");
    struct Running {
        explicit Running(Loop* loop) { detail::thread_state.loop = loop; }
        ~Running() { detail::thread_state.loop = nullptr; }
    } running(this);

    update_now();
    const auto run_until = [this](auto finished) {
        for (;;) {
            run_ready();
            IntrusiveList<TurnEnd, TurnEndTag> ends;
            ends.splice_back(turn_ends_);
            while (!ends.empty()) ends.pop_front().on_turn_end();
            if (finished()) return;
            poll(!ready_head_ && turn_ends_.empty());
        }
    };
    run_until([&] { return main.done(); });
    if (!end_others) return;
    root_->cancel_children();
    run_until([&] { return !root_->has_children(); });
}

// LoopDriver: the loop's turn without its waiting.

void Loop::tell_driver() noexcept { (*on_ready_)(); }

int LoopDriver::native_handle() const noexcept { return loop_.backend_->epoll.get(); }

void LoopDriver::step() {
    const Inside inside(*this);
    loop_.poll(false);
    loop_.run_ready();
    IntrusiveList<TurnEnd, TurnEndTag> ends;
    ends.splice_back(loop_.turn_ends_);
    while (!ends.empty()) ends.pop_front().on_turn_end();
    if (!loop_.ready_head_) detail::trim_frames(frames_trimmed_per_turn);
}

std::optional<TimePoint> LoopDriver::next_step() const noexcept {
    if (loop_.ready_head_ || !loop_.turn_ends_.empty()) return loop_.now_;
    const std::uint64_t tick = loop_.backend_->wheel.next_tick();
    if (tick == TimerWheel::no_tick) return std::nullopt;
    return loop_.epoch_ + milliseconds(tick);
}

void LoopDriver::cancel_all() {
    {
        const Inside inside(*this);
        loop_.root_->cancel_children();
    }
    if (loop_.ready_head_ && on_ready_) on_ready_();
}

LoopDriver::~LoopDriver() { loop_.on_ready_ = nullptr; }

void LoopDriver::on_ready(UniqueFunction f) {
    on_ready_ = std::move(f);
    loop_.on_ready_ = on_ready_ ? &on_ready_ : nullptr;
}

LoopDriver::Inside::Inside(LoopDriver& driver) : driver_(driver) {
    if (detail::thread_state.loop) throw UsageError("drive a loop inside of another");
    detail::thread_state.loop = &driver_.loop_;
    driver_.loop_.on_ready_ = nullptr;
}

LoopDriver::Inside::~Inside() {
    detail::thread_state.loop = nullptr;
    driver_.loop_.on_ready_ = driver_.on_ready_ ? &driver_.on_ready_ : nullptr;
}

}  // namespace weft
