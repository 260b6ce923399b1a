#include <weft/core/error.hpp>
#include <weft/core/loop.hpp>
#include <weft/core/task_control.hpp>

#include <utility>

namespace weft::detail {

constinit thread_local ThreadState thread_state{};

void rethrow(std::exception_ptr& error) { std::rethrow_exception(std::move(error)); }

void report_never_awaited(std::coroutine_handle<> frame) noexcept {
    // While an exception passes, and when a task ends or is destroyed, what was prepared is dropped rightly.
    if (!thread_state.task || std::uncaught_exceptions() > 0) return;
    thread_state.task->loop().report_never_awaited(*thread_state.task, frame);
}

void throw_cancelled() { throw Cancelled(); }

void throw_outside_task() {
    throw UsageError("co_await of a weft operation outside of a weft task; start it with weft::run or spawn");
}

void Waiter::throw_waits_for_itself() {
    throw UsageError("task '" + current_task().name() + "' waits for its own end");
}

std::exception_ptr cancelled_exception() noexcept { return std::make_exception_ptr(Cancelled()); }

TaskControl& current_task() {
    if (!thread_state.task) throw UsageError("no task is running on this thread");
    return *thread_state.task;
}

TaskOwner::~TaskOwner() { abandon_children(); }

void TaskOwner::abandon_children() noexcept {
    // Newest first, as locals die: a task may use what an older one holds, such as the permit of a semaphore.
    while (!children_.empty()) children_.pop_back().abandon();
}

void TaskOwner::cancel_children() noexcept {
    children_.for_each([](TaskControl& child) { child.cancel(); });
}

TaskControl::TaskControl(Loop& loop, TaskOwner& owner, std::coroutine_handle<> root, std::string_view name)
    : root_(root),
      loop_(&loop),
      owner_(&owner),
      name_(name),
      context_(thread_state.task ? Context(thread_state.task->context_) : Context()) {
    if (!owner.linked()) loop.owners_.push_back(owner);
    owner.children_.push_back(*this);
    ++owner.count_;
    ++loop.task_count_;
    loop.schedule(*this);
}

bool TaskControl::cancel() noexcept {
    if (done_) return false;
    (void)request_cancel();
    return true;
}

CancelRequest TaskControl::request_cancel() noexcept {
    ++cancel_requests_;
    if (waiter_) {
        ++deliveries_;
        waiter_->cancel_wait();
        return {deliveries_, false};
    }
    ++cancels_due_;
    return {deliveries_, true};
}

unsigned TaskControl::withdraw(const CancelRequest& request) noexcept {
    --cancel_requests_;
    if (request.due && request.deliveries == deliveries_) --cancels_due_;
    // It may have been set aside and be due again (redeliver_cancel()).
    if (cancel_requests_ == 0) cancels_due_ = 0;
    return cancel_requests_;
}

void TaskControl::run() noexcept {
    std::coroutine_handle<> frame = std::exchange(resume_point_, nullptr);
    if (!frame) [[unlikely]] {
        if (!start()) return;
        frame = root_;
    }
    ThreadState& here = thread_state;
    here.task = this;
    frame.resume();
    while (here.next) [[unlikely]]
        std::exchange(here.next, nullptr).resume();
    here.task = nullptr;
    if (here.root_ended) [[unlikely]] {
        here.root_ended = false;
        finish();
    }
}

bool TaskControl::start() noexcept {
    if (done_) {  // abandoned while it was queued
        drop_ref();
        return false;
    }
    if (cancels_due_ > 0) {
        set_cancelled();
        finish();
        return false;
    }
    started_ = true;
    return true;
}

void TaskControl::finish() noexcept {
    failed_ = !started_ || take_result();
    // The frame goes now: what the task held (a connection, a guard) is released when the task ends,
    // however long a handle to it is kept.
    std::exchange(root_, nullptr).destroy();
    done_ = true;
    if (failed_) {
        try {
            std::rethrow_exception(error());
        } catch (const Cancelled&) {
            ended_cancelled_ = true;
        } catch (...) {
        }
    }
    while (!joiners_.empty()) joiners_.pop_front().task_done();
    --loop_->task_count_;
    ListHook<OwnedTaskTag>::unlink();
    TaskOwner* owner = std::exchange(owner_, nullptr);
    --owner->count_;
    owner->child_done(*this);
    drop_ref();
}

void TaskControl::abandon() noexcept {
    done_ = true;
    retrieved_ = true;
    ended_cancelled_ = true;
    resume_point_ = nullptr;
    owner_->count_--;
    owner_ = nullptr;
    --loop_->task_count_;
    // The waiter may live longer than the task: in a generator that something else owns.
    const bool queued = !waiter_ && next_ready_;
    if (waiter_) {
        waiter_->unlink_wait();
        std::exchange(waiter_, nullptr)->task_ = nullptr;
    }
    set_cancelled();
    failed_ = true;
    std::exchange(root_, nullptr).destroy();
    while (!joiners_.empty()) joiners_.pop_front().task_abandoned();
    // A queued task is released when the queue reaches it.
    if (!queued) drop_ref();
}

void TaskControl::destroy() noexcept {
    if (!retrieved_ && !ended_cancelled_ && failed_) loop_->report_lost(*this);
    delete this;
}

}  // namespace weft::detail
