#include <weft/core/error.hpp>
#include <weft/core/sync_wait.hpp>

#include <thread>

namespace weft {

struct SyncLoop::State {
    Loop loop;
    std::thread::id thread = std::this_thread::get_id();
};

namespace {

Task<void> nothing() { co_return; }

}  // namespace

SyncLoop SyncLoop::of_this_thread() {
    if (Loop::current_or_null())
        throw UsageError("a blocking call inside a running loop, which it would stop; co_await the task");
    thread_local std::shared_ptr<State> state;
    if (!state) state = std::make_shared<State>();
    return SyncLoop(state);
}

void SyncLoop::require_own_thread() const {
    if (state_->thread != std::this_thread::get_id())
        throw UsageError("a blocking object was used on another thread than the one that made it");
}

void SyncLoop::finish() const {
    require_own_thread();
    loop().run(nothing(), "finish");
}

Loop& SyncLoop::loop() const noexcept { return state_->loop; }

}  // namespace weft
