// Callbacks: the functions that a node offers, by name.
//
//     int multiply(int a, int b) { return a * b; }
//     Task<std::string> fetch(std::string url);
//
//     Callbacks callbacks;
//     callbacks.add("multiply", multiply, "a", "b");   // also by keyword: multiply(a=6, b=7)
//     callbacks.add("fetch", fetch);
//     callbacks.add("lookup", database, &Database::lookup);
#pragma once

#include <weft/core/task.hpp>
#include <weft/mesh/convert.hpp>
#include <weft/mesh/duplex.hpp>
#include <weft/mesh/frame.hpp>
#include <weft/mesh/serde.hpp>

#include <functional>
#include <memory>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

namespace weft::mesh {

// About the call that is being answered. A callback whose first parameter is a CallInfo gets one.
struct CallInfo {
    CallInfo() {}
    std::string caller;
    std::string function;
    Serde serde = Serde::pickle;
    // W3C trace context of the caller; empty when it sent none. Calls that the callback makes pass it on.
    std::string traceparent;
    // The two streams of a call that was made with open(). Throws ConversionError for any other call.
    [[nodiscard]] Duplex duplex() const;

    std::shared_ptr<detail::DuplexState> stream;  // for weft's own use
};

// The trace that the running task belongs to: that of the call it answers, or what set_traceparent() said.
// Empty when there is none. Goes along with every call to a weft node.
[[nodiscard]] std::string traceparent();
// For this task and those that it starts. "00-<32 hex>-<16 hex>-01".
void set_traceparent(std::string value);

namespace detail {

// One callback with its types erased.
class Callback {
public:
    explicit Callback(std::vector<std::string> parameters) noexcept : parameters_(std::move(parameters)) {}
    virtual ~Callback() = default;
    // A plain callable answers at once, a coroutine gives a task.
    [[nodiscard]] virtual bool is_coroutine() const noexcept = 0;
    // Both throw ConversionError when the arguments do not fit. The callback must outlive the task.
    [[nodiscard]] virtual Value call(Arguments args, const CallInfo& info) = 0;
    [[nodiscard]] virtual Task<Value> start(Arguments args, const CallInfo& info) = 0;
    // Their names, as far as they were given.
    [[nodiscard]] const std::vector<std::string>& parameters() const noexcept { return parameters_; }

protected:
    // Positional and keyword arguments in the order of the parameters; a parameter that may be absent is left
    // null. Throws ConversionError, in Python's words.
    [[nodiscard]] std::vector<Value> bind(Arguments args, std::size_t count, const bool* optional) const;

private:
    std::vector<std::string> parameters_;
};

template <class T>
struct Signature : Signature<decltype(&T::operator())> {};
template <class R, class... A>
struct Signature<R (*)(A...)> {
    using Result = R;
    using Parameters = std::tuple<A...>;
};
template <class R, class... A>
struct Signature<R (*)(A...) noexcept> : Signature<R (*)(A...)> {};
template <class C, class R, class... A>
struct Signature<R (C::*)(A...)> : Signature<R (*)(A...)> {};
template <class C, class R, class... A>
struct Signature<R (C::*)(A...) const> : Signature<R (*)(A...)> {};
template <class C, class R, class... A>
struct Signature<R (C::*)(A...) noexcept> : Signature<R (*)(A...)> {};
template <class C, class R, class... A>
struct Signature<R (C::*)(A...) const noexcept> : Signature<R (*)(A...)> {};

template <class T>
inline constexpr bool is_task = false;
template <class T>
inline constexpr bool is_task<Task<T>> = true;
template <class T>
inline constexpr bool is_optional = false;
template <class T>
inline constexpr bool is_optional<std::optional<T>> = true;

template <class R>
Value result_value(R&& result) {
    return to_value(std::forward<R>(result));
}

template <class F, class Result, class... A>
class TypedCallback final : public Callback {
    using Stored = std::tuple<std::decay_t<A>...>;
    static constexpr bool takes_info = [] {
        if constexpr (sizeof...(A) == 0) {
            return false;
        } else {
            return std::is_same_v<std::decay_t<std::tuple_element_t<0, std::tuple<A...>>>, CallInfo>;
        }
    }();
    static constexpr bool takes_all = [] {
        if constexpr (sizeof...(A) == (takes_info ? 2 : 1)) {
            return std::is_same_v<std::decay_t<std::tuple_element_t<sizeof...(A) - 1, std::tuple<A...>>>,
                                  Arguments>;
        } else {
            return false;
        }
    }();
    static constexpr std::size_t count = sizeof...(A) - (takes_info ? 1 : 0);

public:
    TypedCallback(F function, std::vector<std::string> parameters)
        : Callback(std::move(parameters)), function_(std::move(function)) {}

    bool is_coroutine() const noexcept override { return is_task<Result>; }

    Value call(Arguments args, const CallInfo& info) override {
        if constexpr (is_task<Result>) {
            return {};
        } else {
            Stored stored = arguments(std::move(args), info);
            if constexpr (std::is_void_v<Result>) {
                invoke(function_, stored);
                return {};
            } else {
                return to_value(invoke(function_, stored));
            }
        }
    }

    Task<Value> start(Arguments args, const CallInfo& info) override {
        return run(function_, arguments(std::move(args), info));
    }

private:
    static Result invoke(F& function, Stored& stored) {
        return std::apply(
            [&](auto&... args) -> Result { return std::invoke(function, std::forward<A>(args)...); }, stored);
    }

    // The arguments stay in this frame, so a coroutine that takes them by reference is safe.
    static Task<Value> run(F& function, Stored stored) {
        if constexpr (!is_task<Result>) {
            if constexpr (std::is_void_v<Result>) {
                invoke(function, stored);
                co_return Value();
            } else {
                co_return to_value(invoke(function, stored));
            }
        } else if constexpr (std::is_void_v<typename Result::value_type>) {
            co_await invoke(function, stored);
            co_return Value();
        } else {
            auto result = co_await invoke(function, stored);
            co_return to_value(std::move(result));
        }
    }

    Stored arguments(Arguments args, const CallInfo& info) const {
        if constexpr (takes_all) {
            if constexpr (takes_info) {
                return Stored(info, std::move(args));
            } else {
                return Stored(std::move(args));
            }
        } else {
            static constexpr bool optional[] = {is_optional<std::decay_t<A>>..., false};
            std::vector<Value> values = bind(std::move(args), count, optional + (takes_info ? 1 : 0));
            return make(values, info, std::make_index_sequence<sizeof...(A)>());
        }
    }

    template <std::size_t... I>
    static Stored make(std::vector<Value>& values, const CallInfo& info, std::index_sequence<I...>) {
        return Stored(element<I>(values, info)...);
    }
    template <std::size_t I>
    static auto element(std::vector<Value>& values, const CallInfo& info) {
        if constexpr (takes_info && I == 0) {
            return info;
        } else {
            return from_value<std::tuple_element_t<I, Stored>>(std::move(values[I - (takes_info ? 1 : 0)]));
        }
    }

    F function_;
};

template <class F, class R, class... A>
std::shared_ptr<Callback> make_callback(F function, std::vector<std::string> parameters, std::tuple<A...>*) {
    return std::make_shared<TypedCallback<F, R, A...>>(std::move(function), std::move(parameters));
}

class Registry;

}  // namespace detail

// A handle: copies share one registry. Nodes to which it was given offer what is added later too.
class Callbacks {
public:
    Callbacks();

    // `function` is a free function, a function object or a lambda, plain or a coroutine. Its parameters and
    // result are types that convert.hpp knows; references are to copies that live as long as the call. Given
    // the parameters' `names`, callers may pass arguments by keyword; parameters of type std::optional may be
    // left out. A first parameter CallInfo receives the call's circumstances; a sole parameter Arguments
    // takes whatever comes. Plain callables run on the loop and must not block, unless there is an
    // Options::pool(). Throws InitializationError when the name is taken, begins with "weft." or the wire
    // cannot carry it, or when the number of parameter names is wrong.
    template <class F, class... Names>
        requires(std::is_convertible_v<Names, std::string_view> && ...)
    void add(std::string name, F function, Names... names) {
        using S = detail::Signature<std::decay_t<F>>;
        add_erased(std::move(name),
                   make<std::decay_t<F>, typename S::Result>(std::move(function), {std::string(names)...},
                                                             static_cast<typename S::Parameters*>(nullptr)));
    }

    // A member function of `object`, which must outlive the nodes that offer it.
    template <class Object, class Method, class... Names>
        requires std::is_member_function_pointer_v<Method>
    void add(std::string name, Object& object, Method method, Names... names) {
        using S = detail::Signature<Method>;
        add_erased(std::move(name),
                   bind_member<typename S::Result>(object, method, {std::string(names)...},
                                                   static_cast<typename S::Parameters*>(nullptr)));
    }

    // In the order of adding.
    [[nodiscard]] std::vector<std::string> names() const;
    [[nodiscard]] const std::shared_ptr<detail::Registry>& registry() const noexcept { return registry_; }

private:
    template <class F, class R, class... A>
    static std::shared_ptr<detail::Callback> make(F function, std::vector<std::string> names,
                                                  std::tuple<A...>* types) {
        return detail::make_callback<F, R>(std::move(function), std::move(names), types);
    }
    template <class R, class Object, class Method, class... A>
    static std::shared_ptr<detail::Callback> bind_member(Object& object, Method method,
                                                         std::vector<std::string> names,
                                                         std::tuple<A...>* types) {
        auto function = [&object, method](A... args) -> R {
            return (object.*method)(std::forward<A>(args)...);
        };
        return detail::make_callback<decltype(function), R>(function, std::move(names), types);
    }
    void add_erased(std::string name, std::shared_ptr<detail::Callback> callback);

    std::shared_ptr<detail::Registry> registry_;
};

}  // namespace weft::mesh
