// Recycles coroutine frames: a per-thread free list for each size class, so that a call that returns
// a Task costs no malloc. Blocks beyond the bound, large frames and sanitizer builds go to malloc.
#pragma once

#include <cstddef>

namespace weft::detail {

struct FreeBlock {
    FreeBlock* next;
};

struct FramePool {
    static constexpr std::size_t classes = 128;  // frames up to 2 KiB
    static constexpr std::size_t max_cached_bytes = std::size_t{32} << 20;
    // Blocks have 24, 40, 56, … bytes: what malloc gives of its chunks, which are multiples of 16 with 8
    // bytes of its own. A million idle tasks notice.
    static constexpr std::size_t class_of(std::size_t size) noexcept { return (size + 7) / 16; }
    static constexpr std::size_t block_size(std::size_t index) noexcept { return 16 * index + 8; }

    FreeBlock* free[classes];
    std::size_t cached_bytes;
};

extern constinit thread_local FramePool frame_pool;

[[nodiscard]] void* allocate_frame_slow(std::size_t size);
void free_frame_slow(void* block, std::size_t size) noexcept;

// g++ announces sanitizers by macros, clang by features.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define WEFT_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define WEFT_SANITIZED 1
#endif
#endif
#ifndef WEFT_SANITIZED
#define WEFT_SANITIZED 0
#endif

[[nodiscard]] inline void* allocate_frame(std::size_t size) {
#if !WEFT_SANITIZED
    const std::size_t index = FramePool::class_of(size);
    if (index < FramePool::classes) {
        FramePool& pool = frame_pool;
        if (FreeBlock* block = pool.free[index]) {
            pool.free[index] = block->next;
            pool.cached_bytes -= FramePool::block_size(index);
            return block;
        }
    }
#endif
    return allocate_frame_slow(size);
}

inline void free_frame(void* memory, std::size_t size) noexcept {
#if !WEFT_SANITIZED
    const std::size_t index = FramePool::class_of(size);
    FramePool& pool = frame_pool;
    if (index < FramePool::classes && pool.cached_bytes < FramePool::max_cached_bytes) {
        auto* block = static_cast<FreeBlock*>(memory);
        block->next = pool.free[index];
        pool.free[index] = block;
        pool.cached_bytes += FramePool::block_size(index);
        return;
    }
#endif
    free_frame_slow(memory, size);
}

}  // namespace weft::detail
