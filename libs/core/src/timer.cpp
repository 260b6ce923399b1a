#include <weft/core/timer.hpp>

#include <algorithm>
#include <bit>

namespace weft {

void TimerWheel::arm(Timer& timer, std::uint64_t tick) noexcept {
    timer.unlink();
    timer.tick_ = std::min(tick, max_tick);
    place(timer);
}

// A timer sits at the highest level at which its tick differs from the elapsed time, so every occupied
// slot of a level lies ahead of that level's hand, and the lowest occupied level expires first.
void TimerWheel::place(Timer& timer) noexcept {
    if (timer.tick_ <= elapsed_) {
        due_.push_back(timer);
        return;
    }
    const int level = (63 - std::countl_zero(timer.tick_ ^ elapsed_)) / bits;
    const auto slot = (timer.tick_ >> (level * bits)) & 63;
    slots_[level][slot].push_back(timer);
    occupied_[level] |= std::uint64_t{1} << slot;
}

bool TimerWheel::next_expiry(Expiry& out) noexcept {
    for (int level = 0; level < levels; ++level) {
        while (occupied_[level] != 0) {
            const int slot = std::countr_zero(occupied_[level]);
            if (slots_[level][slot].empty()) {  // its timers were disarmed; disarming does not touch the map
                occupied_[level] &= ~(std::uint64_t{1} << slot);
                continue;
            }
            const int shift = level * bits;
            const std::uint64_t upper = elapsed_ >> (shift + bits) << (shift + bits);
            out = {level, slot, upper | (static_cast<std::uint64_t>(slot) << shift)};
            return true;
        }
    }
    return false;
}

std::uint64_t TimerWheel::next_tick() noexcept {
    if (!due_.empty()) return elapsed_;
    Expiry expiry;
    return next_expiry(expiry) ? expiry.tick : no_tick;
}

void TimerWheel::advance(std::uint64_t now) noexcept {
    Expiry expiry;
    while (next_expiry(expiry) && expiry.tick <= now) {
        elapsed_ = expiry.tick;
        occupied_[expiry.level] &= ~(std::uint64_t{1} << expiry.slot);
        Slot& slot = slots_[expiry.level][expiry.slot];
        if (expiry.level == 0) {
            due_.splice_back(slot);
        } else {
            while (!slot.empty()) place(slot.pop_front());
        }
    }
    elapsed_ = std::max(elapsed_, now);
    // A fire() that arms a timer for a passed tick waits for the next turn: the loop must not starve.
    Slot firing;
    firing.splice_back(due_);
    while (!firing.empty()) firing.pop_front().fire();
}

}  // namespace weft
