#include <weft/core/frame_pool.hpp>

#include <new>

namespace weft::detail {

constinit thread_local FramePool frame_pool{};

namespace {

// Touched by the first allocation of a thread; gives the cached blocks back when the thread ends.
struct PoolReleaser {
    bool armed = true;
    ~PoolReleaser() {
        for (FreeBlock*& list : frame_pool.free) {
            while (FreeBlock* block = list) {
                list = block->next;
                ::operator delete(block);
            }
        }
        // Frames freed by later thread-exit destructors must not be cached again.
        frame_pool.cached_bytes = FramePool::max_cached_bytes;
    }
};
thread_local PoolReleaser pool_releaser;

}  // namespace

void* allocate_frame_slow(std::size_t size) {
    if (!pool_releaser.armed) return nullptr;  // odr-use: constructs it
    // Rounded up, so that a block may serve every size of its class.
    return ::operator new(FramePool::block_size(FramePool::class_of(size)));
}

void free_frame_slow(void* memory, std::size_t) noexcept { ::operator delete(memory); }

}  // namespace weft::detail
