// Context: the task-local values of one task. A child starts with its parent's, and shares them until either
// sets one: a list that is never changed, only replaced. See task_local.hpp.
#pragma once

#include <cstddef>
#include <utility>

namespace weft::detail {

class ContextValue {
public:
    ContextValue() = default;
    ContextValue(const ContextValue&) = delete;
    ContextValue& operator=(const ContextValue&) = delete;
    virtual ~ContextValue() = default;

private:
    friend class ContextValueRef;
    std::size_t refs_ = 0;
};

class ContextValueRef {
public:
    ContextValueRef() = default;
    explicit ContextValueRef(ContextValue* value) noexcept : value_(value) {
        if (value_) ++value_->refs_;
    }
    ContextValueRef(const ContextValueRef& other) noexcept : ContextValueRef(other.value_) {}
    ContextValueRef(ContextValueRef&& other) noexcept : value_(std::exchange(other.value_, nullptr)) {}
    ContextValueRef& operator=(ContextValueRef other) noexcept {
        std::swap(value_, other.value_);
        return *this;
    }
    ~ContextValueRef() {
        if (value_ && --value_->refs_ == 0) delete value_;
    }
    [[nodiscard]] ContextValue* get() const noexcept { return value_; }
    [[nodiscard]] explicit operator bool() const noexcept { return value_ != nullptr; }

private:
    ContextValue* value_ = nullptr;
};

class Context {
public:
    Context() = default;
    Context(const Context& other) noexcept;
    Context& operator=(Context other) noexcept {
        std::swap(head_, other.head_);
        return *this;
    }
    ~Context() {
        if (head_) release(head_);
    }

    // The value that is bound to `key`; null when there is none. A key is an address, and only compared.
    [[nodiscard]] ContextValueRef find(const void* key) const noexcept;
    // Binds, or with an empty value unbinds.
    void set(const void* key, ContextValueRef value);

private:
    struct Node;
    static void release(Node* node) noexcept;
    Node* head_ = nullptr;
};

}  // namespace weft::detail
