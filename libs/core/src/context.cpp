#include <weft/core/context.hpp>

namespace weft::detail {

struct Context::Node {
    std::size_t refs;
    const void* key;
    ContextValueRef value;
    Node* next;  // counted
};

void Context::add_ref(Node* node) noexcept { ++node->refs; }

void Context::release(Node* node) noexcept {
    while (node && --node->refs == 0) {
        Node* next = node->next;
        delete node;
        node = next;
    }
}

ContextValueRef Context::find(const void* key) const noexcept {
    for (const Node* node = head_; node; node = node->next)
        if (node->key == key) return node->value;
    return ContextValueRef();
}

void Context::set(const void* key, ContextValueRef value) {
    const Node* bound = head_;
    while (bound && bound->key != key) bound = bound->next;
    Context next;
    if (!bound) {
        next = *this;
    } else {
        // What stands behind the old binding is shared; what stands before it is copied, in its order.
        if (bound->next) {
            next.head_ = bound->next;
            ++next.head_->refs;
        }
        Node** end = &next.head_;
        for (const Node* node = head_; node != bound; node = node->next) {
            *end = new Node{1, node->key, node->value, *end};
            end = &(*end)->next;
        }
    }
    if (value) next.head_ = new Node{1, key, std::move(value), next.head_};
    std::swap(head_, next.head_);
}

}  // namespace weft::detail
