// A doubly linked list through hooks in its elements: no allocation, O(1) removal from the middle.
//
// An element is in at most one list per tag. A hook that dies unlinks itself, which is what makes a
// destroyed coroutine frame disappear from every list of waiters.
#pragma once

#include <cstddef>

namespace weft {

struct DefaultListTag;

template <class Tag = DefaultListTag>
class ListHook {
public:
    ListHook() = default;
    ListHook(const ListHook&) = delete;
    ListHook& operator=(const ListHook&) = delete;
    ~ListHook() { unlink(); }

    [[nodiscard]] bool linked() const noexcept { return next_ != nullptr; }

    void unlink() noexcept {
        if (!next_) return;
        prev_->next_ = next_;
        next_->prev_ = prev_;
        next_ = prev_ = nullptr;
    }

private:
    template <class T, class U>
    friend class IntrusiveList;
    ListHook* next_ = nullptr;
    ListHook* prev_ = nullptr;
};

// T derives from ListHook<Tag>. The list owns nothing; destroying it unlinks what it still holds.
template <class T, class Tag = DefaultListTag>
class IntrusiveList {
    using Hook = ListHook<Tag>;

public:
    IntrusiveList() noexcept { head_.next_ = head_.prev_ = &head_; }
    IntrusiveList(const IntrusiveList&) = delete;
    IntrusiveList& operator=(const IntrusiveList&) = delete;
    ~IntrusiveList() { clear(); }

    [[nodiscard]] bool empty() const noexcept { return head_.next_ == &head_; }
    [[nodiscard]] T& front() noexcept { return static_cast<T&>(*head_.next_); }

    void push_back(T& element) noexcept {
        Hook& hook = element;
        hook.prev_ = head_.prev_;
        hook.next_ = &head_;
        head_.prev_->next_ = &hook;
        head_.prev_ = &hook;
    }

    T& pop_front() noexcept {
        T& first = front();
        static_cast<Hook&>(first).unlink();
        return first;
    }

    T& pop_back() noexcept {
        T& last = static_cast<T&>(*head_.prev_);
        static_cast<Hook&>(last).unlink();
        return last;
    }

    // Moves every element of `other` to the end of this list.
    void splice_back(IntrusiveList& other) noexcept {
        if (other.empty()) return;
        Hook* first = other.head_.next_;
        Hook* last = other.head_.prev_;
        first->prev_ = head_.prev_;
        head_.prev_->next_ = first;
        last->next_ = &head_;
        head_.prev_ = last;
        other.head_.next_ = other.head_.prev_ = &other.head_;
    }

    void clear() noexcept {
        while (!empty()) head_.next_->unlink();
    }

    // Calls f(element) for each; f may unlink the element that it is given, and no other.
    template <class F>
    void for_each(F&& f) {
        for (Hook* hook = head_.next_; hook != &head_;) {
            Hook* next = hook->next_;
            f(static_cast<T&>(*hook));
            hook = next;
        }
    }

private:
    Hook head_;
};

}  // namespace weft
