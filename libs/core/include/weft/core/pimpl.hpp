// Pimpl<T>: owns the private part of a public class.
//
// std::unique_ptr would do, but <memory> is 50,000 lines in g++ 12 and every public header would bring them.
// This one also knows how to destroy a T that is incomplete where it dies, so a class needs no destructor for
// its sake.
#pragma once

#include <utility>

namespace weft {

template <class T>
class Pimpl {
public:
    Pimpl() = default;
    // Owns `object`, which `new` made. T must be complete here.
    explicit Pimpl(T* object) noexcept : object_(object), destroy_([](T* p) { delete p; }) {}
    Pimpl(Pimpl&& other) noexcept
        : object_(std::exchange(other.object_, nullptr)), destroy_(other.destroy_) {}
    Pimpl& operator=(Pimpl&& other) noexcept {
        Pimpl old(std::move(other));
        std::swap(object_, old.object_);
        std::swap(destroy_, old.destroy_);
        return *this;
    }
    ~Pimpl() { reset(); }

    void reset() noexcept {
        if (T* object = std::exchange(object_, nullptr)) destroy_(object);
    }

    [[nodiscard]] explicit operator bool() const noexcept { return object_ != nullptr; }
    [[nodiscard]] T* get() const noexcept { return object_; }
    T* operator->() const noexcept { return object_; }
    T& operator*() const noexcept { return *object_; }

private:
    T* object_ = nullptr;
    void (*destroy_)(T*) = nullptr;
};

template <class T, class... Args>
[[nodiscard]] Pimpl<T> make_pimpl(Args&&... args) {
    return Pimpl<T>(new T(std::forward<Args>(args)...));
}

}  // namespace weft
