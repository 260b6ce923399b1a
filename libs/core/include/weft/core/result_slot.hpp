// Where a coroutine leaves its outcome: nothing yet, a value, or an exception.
#pragma once

#include <exception>
#include <new>
#include <type_traits>
#include <utility>

namespace weft::detail {

// Throws what is moved out of `error`. Out of the callers' way, which are the resumptions of coroutines.
[[noreturn, gnu::cold]] void rethrow(std::exception_ptr& error);

template <class T>
class ResultSlot {
    // A reference is kept as a pointer.
    using Stored =
        std::conditional_t<std::is_reference_v<T>, std::add_pointer_t<std::remove_reference_t<T>>, T>;
    enum class Tag : unsigned char { empty, value, error };
    // Frames come from the plain operator new: g++ 12 knows no other.
    static_assert(alignof(Stored) <= __STDCPP_DEFAULT_NEW_ALIGNMENT__,
                  "a coroutine's frame cannot hold an over-aligned result");

public:
    ResultSlot() noexcept {}
    ResultSlot(const ResultSlot&) = delete;
    ResultSlot& operator=(const ResultSlot&) = delete;
    ~ResultSlot() { reset(); }

    template <class U>
    void set_value(U&& value) {
        if constexpr (std::is_reference_v<T>) {
            ::new (static_cast<void*>(&value_)) Stored(&value);
        } else {
            ::new (static_cast<void*>(&value_)) Stored(std::forward<U>(value));
        }
        tag_ = Tag::value;
    }

    void set_error(std::exception_ptr error) noexcept {
        reset();
        ::new (static_cast<void*>(&error_)) std::exception_ptr(std::move(error));
        tag_ = Tag::error;
    }

    // Takes the outcome of `other`, which must have one.
    void take(ResultSlot& other) {
        if (other.tag_ == Tag::error) {
            set_error(std::move(other.error_));
        } else {
            ::new (static_cast<void*>(&value_)) Stored(std::move(other.value_));
            tag_ = Tag::value;
        }
    }

    [[nodiscard]] bool failed() const noexcept { return tag_ == Tag::error; }
    [[nodiscard]] std::exception_ptr error() const noexcept {
        return tag_ == Tag::error ? error_ : std::exception_ptr();
    }

    // The value; throws the exception when there is one.
    std::add_lvalue_reference_t<T> get() {
        if (tag_ == Tag::error) std::rethrow_exception(error_);
        if constexpr (std::is_reference_v<T>) {
            return *value_;
        } else {
            return value_;
        }
    }

    T move_out() {
        if (tag_ == Tag::error) [[unlikely]]
            rethrow(error_);
        if constexpr (std::is_reference_v<T>) {
            return static_cast<T>(*value_);
        } else {
            return std::move(value_);
        }
    }

private:
    void reset() noexcept {
        if (tag_ == Tag::value) value_.~Stored();
        if (tag_ == Tag::error) error_.~exception_ptr();
        tag_ = Tag::empty;
    }

    union {
        Stored value_;
        std::exception_ptr error_;
    };
    Tag tag_ = Tag::empty;
};

template <>
class ResultSlot<void> {
public:
    void set_value() noexcept {}
    void set_error(std::exception_ptr error) noexcept { error_ = std::move(error); }
    void take(ResultSlot& other) noexcept { error_ = std::move(other.error_); }
    [[nodiscard]] bool failed() const noexcept { return error_ != nullptr; }
    [[nodiscard]] std::exception_ptr error() const noexcept { return error_; }
    void get() const {
        if (error_) std::rethrow_exception(error_);
    }
    void move_out() {
        if (error_) [[unlikely]]
            rethrow(error_);
    }

private:
    std::exception_ptr error_;
};

}  // namespace weft::detail
