// Whether a loop looks for events a little longer before it sleeps.
#pragma once

#include <weft/core/timer.hpp>

#include <optional>

namespace weft::detail {

// To sleep and be woken costs processor time: on a virtual machine some 20 µs for who sleeps and 12 for who
// wakes it, and the time of an exchange over loopback is made of little else. What comes sooner than that is
// cheaper looked for. When it comes is not known; so, as in the kernel's haltpoll (Documentation/virt/
// guest-halt-polling.rst), the last waits say whether to look, and looking goes on for as long as it finds
// something, on average, in less than sleeping was measured to cost.
class BusyPoll {
public:
    // At most how long to look; nullopt: as long as it pays, up to 100 µs. 0: never.
    void set_limit(std::optional<Duration> limit) noexcept;

    // How long to look before this wait; 0: not at all. Ends with found(), or with missed() and a Sleep.
    [[nodiscard]] Duration budget() const noexcept { return looks_ ? longest() : Duration::zero(); }
    void found(Duration after) noexcept;
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
    [[nodiscard]] Duration longest() const noexcept;
    void slept(Duration time) noexcept;
    void give_up(unsigned longest_penalty) noexcept;

    std::optional<Duration> limit_;
    Duration cost_{0};  // of one sleep, to this thread
    Duration mean_{0};  // of the looks that found something
    unsigned sleeps_ = 0;
    unsigned short_waits_ = 0;  // in a row
    unsigned found_ = 0;        // in a row
    unsigned penalty_ = 1;      // short waits that the next failure costs
    unsigned skip_ = 0;
    bool looks_ = false;
};

}  // namespace weft::detail
