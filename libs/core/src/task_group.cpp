#include <weft/core/gather.hpp>
#include <weft/core/task_group.hpp>

namespace weft {

namespace {

std::string summary(const std::vector<TaskGroupError::Failure>& failures) {
    constexpr std::size_t shown = 3;
    std::string text = std::to_string(failures.size()) + " tasks of the group failed";
    for (std::size_t i = 0; i < failures.size() && i < shown; ++i) {
        text += i == 0 ? ": " : "; ";
        if (!failures[i].task.empty()) text += failures[i].task + ": ";
        text += detail::describe(failures[i].error);
    }
    if (failures.size() > shown) text += "; and more";
    return text;
}

}  // namespace

TaskGroupError::TaskGroupError(std::vector<Failure> failures)
    : Error(summary(failures)), failures_(std::move(failures)) {}

bool TaskGroup::Join::await_ready() {
    if (cancel_pending()) {
        cancelled_ = false;
        cancel_wait();
    }
    return !group_.has_children();
}

void TaskGroup::Join::await_suspend(std::coroutine_handle<> frame) noexcept {
    park(frame);
    group_.join_ = this;
}

void TaskGroup::Join::cancel_wait() noexcept {
    group_.cancelled_ = true;
    group_.stop();
}

void TaskGroup::child_done(detail::TaskControl& child) noexcept {
    if (child.failed() && !child.ended_cancelled()) fail(child.name(), child.error());
    if (join_ && !has_children()) std::exchange(join_, nullptr)->wake();
}

void TaskGroup::fail(std::string task, std::exception_ptr error) noexcept {
    failures_.push_back({std::move(task), std::move(error)});
    stop();
}

void TaskGroup::stop() noexcept {
    if (stopping_) return;
    stopping_ = true;
    cancel_children();
    if (in_body_) {
        body_cancelled_by_us_ = true;
        request_ = block_.request_cancel();
    }
}

void TaskGroup::body_ended(std::exception_ptr error) noexcept {
    in_body_ = false;
    // Our own request, delivered or not, is settled here; what is left came from outside.
    const bool ours = body_cancelled_by_us_;
    if (ours && block_.withdraw(request_) > outer_requests_) cancelled_ = true;
    if (!error) return;
    try {
        std::rethrow_exception(error);
    } catch (const Cancelled&) {
        if (!ours) cancelled_ = true;
        stop();
    } catch (...) {
        fail(std::string(), std::move(error));
    }
}

void TaskGroup::finish() {
    closed_ = true;
    if (!failures_.empty()) {
        // A failure wins over a cancellation, which the block meets at its next wait.
        if (cancelled_) block_.redeliver_cancel();
        if (failures_.size() == 1) std::rethrow_exception(failures_.front().error);
        throw TaskGroupError(std::move(failures_));
    }
    if (cancelled_) throw Cancelled();
}

void TaskGroup::require_open() const {
    if (closed_) throw UsageError("spawn into a task group whose block has ended");
}

}  // namespace weft
