// A move-only std::function<void()> for callbacks that cross a queue. Not for hot paths: it allocates.
#pragma once

#include <weft/core/pimpl.hpp>

#include <type_traits>
#include <utility>

namespace weft {

class UniqueFunction {
    struct Base {
        virtual ~Base() = default;
        virtual void call() = 0;
    };
    template <class F>
    struct Holder final : Base {
        F f;
        explicit Holder(F&& function) : f(std::move(function)) {}
        void call() override { f(); }
    };

public:
    UniqueFunction() = default;
    template <class F>
        requires(!std::is_same_v<std::decay_t<F>, UniqueFunction> && std::is_invocable_v<std::decay_t<F>&>)
    UniqueFunction(F&& f)  // NOLINT(google-explicit-constructor): converts as std::function does
        : holder_(new Holder<std::decay_t<F>>(std::decay_t<F>(std::forward<F>(f)))) {}

    [[nodiscard]] explicit operator bool() const noexcept { return static_cast<bool>(holder_); }
    void operator()() { holder_->call(); }

private:
    Pimpl<Base> holder_;
};

}  // namespace weft
