// The name of a task: one pointer, which is null for the many tasks that have none.
#pragma once

#include <weft/core/frame_pool.hpp>

#include <cstddef>
#include <cstring>
#include <new>
#include <string>
#include <string_view>
#include <utility>

namespace weft::detail {

class TaskName {
public:
    TaskName() = default;
    explicit TaskName(std::string_view text) {
        if (!text.empty()) copy(text);
    }
    TaskName(TaskName&& other) noexcept : text_(std::exchange(other.text_, nullptr)) {}
    TaskName& operator=(TaskName&& other) noexcept {
        std::swap(text_, other.text_);
        return *this;
    }
    ~TaskName() {
        if (text_) [[unlikely]]
            free_frame(text_, sizeof(Text) + text_->size);
    }

    [[nodiscard]] std::string str() const {
        return text_ ? std::string(text_->characters(), text_->size) : std::string();
    }

private:
    // Followed by its characters.
    struct Text {
        std::size_t size;
        [[nodiscard]] char* characters() noexcept { return reinterpret_cast<char*>(this + 1); }
    };

    void copy(std::string_view text) {
        text_ = ::new (allocate_frame(sizeof(Text) + text.size())) Text{text.size()};
        std::memcpy(text_->characters(), text.data(), text.size());
    }

    Text* text_ = nullptr;
};

}  // namespace weft::detail
