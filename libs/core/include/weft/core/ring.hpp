// Ring<T>: a first-in first-out buffer that grows when it must and then allocates no more.
#pragma once

#include <cstddef>
#include <new>
#include <utility>

namespace weft {

template <class T>
class Ring {
    static_assert(alignof(T) <= __STDCPP_DEFAULT_NEW_ALIGNMENT__, "Ring holds no over-aligned elements");

public:
    Ring() = default;
    Ring(const Ring&) = delete;
    Ring& operator=(const Ring&) = delete;
    ~Ring() {
        clear();
        ::operator delete(slots_);
    }

    [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    [[nodiscard]] T& front() noexcept { return slots_[first_]; }

    void push_back(T&& value) {
        if (size_ == capacity_) grow();
        ::new (static_cast<void*>(slots_ + at(size_))) T(std::move(value));
        ++size_;
    }

    void push_front(T&& value) {
        if (size_ == capacity_) grow();
        const std::size_t place = (first_ - 1) & (capacity_ - 1);
        ::new (static_cast<void*>(slots_ + place)) T(std::move(value));
        first_ = place;
        ++size_;
    }

    void pop_front() noexcept {
        slots_[first_].~T();
        first_ = at(1);
        --size_;
    }

    void clear() noexcept {
        while (size_ > 0) pop_front();
    }

private:
    [[nodiscard]] std::size_t at(std::size_t i) const noexcept { return (first_ + i) & (capacity_ - 1); }

    void grow() {
        const std::size_t wider = capacity_ == 0 ? 8 : 2 * capacity_;  // a power of two
        auto* slots = static_cast<T*>(::operator new(wider * sizeof(T)));
        for (std::size_t i = 0; i < size_; ++i) {
            ::new (static_cast<void*>(slots + i)) T(std::move(slots_[at(i)]));
            slots_[at(i)].~T();
        }
        ::operator delete(slots_);
        slots_ = slots;
        capacity_ = wider;
        first_ = 0;
    }

    T* slots_ = nullptr;
    std::size_t capacity_ = 0;
    std::size_t first_ = 0;
    std::size_t size_ = 0;
};

}  // namespace weft
