// Whether a loop looks for events a little longer before it sleeps.
#pragma once

#include <weft/core/timer.hpp>

#include <optional>

namespace weft::detail {

// To sleep and be woken costs processor time: on a virtual machine some 20 µs for who sleeps and 12 for who
// wakes it, and the time of an exchange over loopback is made of little else. What comes sooner than that is
// cheaper looked for. Unknown is when it comes, so, as in the kernel's haltpoll (Documentation/virt/
// guest-halt-polling.rst), the last waits say whether to look; and for how long is what sleeping was measured
// to cost, so that looking in vain at most doubles it.
class BusyPoll {
public:
    // At most how long to look; nullopt: what sleeping costs, up to 50 µs. 0: never.
    void set_limit(std::optional<Duration> limit) noexcept;

    // How long to look before this wait; 0: not at all. Ends with found(), or with missed() and a Sleep.
    [[nodiscard]] Duration budget() const noexcept { return looks_ ? limit() : Duration::zero(); }
    void found() noexcept {
        if (++found_ >= trusted) penalty_ = 1;
    }
    void missed() noexcept;

    // Around a wait of the loop in the kernel.
    class Sleep {
    public:
        explicit Sleep(BusyPoll& owner) noexcept;
        Sleep(const Sleep&) = delete;
        Sleep& operator=(const Sleep&) = delete;
        ~Sleep();

    private:
        BusyPoll& owner_;
        TimePoint begin_;
        std::optional<Duration> cpu_;  // of the thread, when this sleep's cost is measured
    };

private:
    static constexpr unsigned trusted = 16;
    static constexpr unsigned short_waits_wanted = 2;
    static constexpr unsigned most_penalty = 1024;

    [[nodiscard]] Duration limit() const noexcept;
    void slept(Duration time) noexcept;

    std::optional<Duration> limit_;
    Duration cost_{0};  // of one sleep, to this thread
    unsigned sleeps_ = 0;
    unsigned short_waits_ = 0;  // in a row
    unsigned found_ = 0;        // in a row
    unsigned penalty_ = 1;      // short waits that the next failure costs
    unsigned skip_ = 0;
    bool looks_ = false;
};

}  // namespace weft::detail
