// TaskLocal<T>: a value that a task and everything that it starts can see, without passing it along: the
// device at work, a trace id, the fields of a log line. asyncio's contextvars.
#pragma once

#include <weft/core/context.hpp>
#include <weft/core/error.hpp>
#include <weft/core/task_control.hpp>

#include <optional>
#include <utility>

namespace weft {

// A variable of which each task has a value of its own. A task starts with the values that its parent had at
// that moment; what either sets later, the other does not see. Usually const, at namespace scope: the object
// is only a key.
//
//     const weft::TaskLocal<std::string> device;
//     const auto scope = device.bind("sw1");     // until the end of the block
template <class T>
class TaskLocal {
    struct Value final : detail::ContextValue {
        explicit Value(T&& v) : value(std::move(v)) {}
        T value;
    };

public:
    TaskLocal() = default;
    // `value` is what a task sees that has none.
    explicit TaskLocal(T value) : default_(std::move(value)) {}
    TaskLocal(const TaskLocal&) = delete;
    TaskLocal& operator=(const TaskLocal&) = delete;

    // The running task's value, or the default; null when there is neither, or no task runs and there is no
    // default. Stays until the task sets another.
    [[nodiscard]] const T* find() const noexcept {
        if (detail::TaskControl* task = detail::thread_state.task) {
            const detail::ContextValueRef value = task->context().find(this);
            if (value) return &static_cast<const Value*>(value.get())->value;
        }
        return default_ ? &*default_ : nullptr;
    }

    // The same; throws UsageError when there is no value.
    [[nodiscard]] const T& get() const {
        const T* value = find();
        if (!value)
            throw UsageError("a task-local value was asked for that neither this task nor a parent set");
        return *value;
    }

    // Sets the running task's value. Throws UsageError outside of a task.
    void set(T value) const {
        detail::current_task().context().set(this, detail::ContextValueRef(new Value(std::move(value))));
    }

    // Sets the value until the scope dies, which gives back the one before. The scope must die in the task
    // in which it was made.
    class [[nodiscard("the value is bound until the scope dies")]] Scope {
    public:
        Scope(const Scope&) = delete;
        Scope& operator=(const Scope&) = delete;
        ~Scope() { task_.context().set(key_, std::move(before_)); }

    private:
        friend class TaskLocal;
        Scope(const TaskLocal& key, T&& value)
            : task_(detail::current_task()), key_(&key), before_(task_.context().find(&key)) {
            key.set(std::move(value));
        }
        detail::TaskControl& task_;
        const void* key_;
        detail::ContextValueRef before_;
    };
    Scope bind(T value) const { return Scope(*this, std::move(value)); }

private:
    std::optional<T> default_;
};

}  // namespace weft
