#include <weft/core/gather.hpp>
#include <weft/testing/loop_stepper.hpp>

#include <string>

namespace weft::testing {

// Ends a wait for something that never comes.
struct LoopStepper::Guard final : Timer {
    bool fired = false;
    void fire() noexcept override { fired = true; }
};

LoopStepper::LoopStepper(Task<void> main, TimeSource time)
    : loop_(std::make_unique<Loop>(time)), guard_(std::make_unique<Guard>()) {
    if (Loop::current_or_null()) throw UsageError("step a loop inside of another");
    detail::thread_state.loop = loop_.get();
    loop_->update_now();
    main_ = detail::start_task(*loop_, loop_->root(), std::move(main), "main");
    main_->mark_retrieved();
    // Jumping time meets the guard when no other timer is left: nothing will ever happen.
    const Duration patience =
        time == TimeSource::manual ? Duration(std::chrono::hours(24 * 365)) : std::chrono::seconds(20);
    loop_->arm_after(*guard_, patience);
}

LoopStepper::~LoopStepper() {
    detail::thread_state.loop = nullptr;
    loop_.reset();
}

void LoopStepper::run_turn_ends() {
    IntrusiveList<TurnEnd, TurnEndTag> ends;
    ends.splice_back(loop_->turn_ends_);
    while (!ends.empty()) ends.pop_front().on_turn_end();
}

void LoopStepper::resume_one() {
    while (!loop_->ready_head_) {
        run_turn_ends();
        if (loop_->ready_head_) break;
        loop_->poll(loop_->turn_ends_.empty());
        if (guard_->fired) throw SweepError("nothing will ever wake the tasks that are left");
    }
    detail::TaskControl* task = loop_->ready_head_;
    loop_->ready_head_ = task->leave_queue();
    if (!loop_->ready_head_) loop_->ready_tail_ = nullptr;
    task->run();
}

bool LoopStepper::step() {
    if (main_->done()) return false;
    resume_one();
    return true;
}

bool LoopStepper::cancel() noexcept { return main_->cancel(); }

void LoopStepper::finish(std::size_t limit) {
    std::size_t steps = 0;
    const auto count = [&] {
        if (++steps > limit) throw SweepError("not at its end after " + std::to_string(limit) + " steps");
    };
    while (step()) count();
    loop_->root().cancel_children();
    while (loop_->root().has_children()) {
        resume_one();
        count();
    }
    run_turn_ends();
    if (loop_->task_count() != 0) throw SweepError(std::to_string(loop_->task_count()) + " tasks are left");
}

std::exception_ptr LoopStepper::error() const { return main_->error(); }

}  // namespace weft::testing
