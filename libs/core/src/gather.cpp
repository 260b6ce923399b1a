#include <weft/core/error.hpp>
#include <weft/core/gather.hpp>

namespace weft::detail {

std::string describe(const std::exception_ptr& error) {
    try {
        std::rethrow_exception(error);
    } catch (const std::exception& e) {
        return e.what();
    } catch (...) {
        return "an exception that is not a std::exception";
    }
}

void GatherScope::child_done(TaskControl& child) noexcept {
    if (child.failed() && until_ == Until::first_failure && !stopping()) [[unlikely]] {
        failure_ = child.error();
        cancel_children();
    }
    // After a cancellation, one that ended by it has not won.
    if (until_ == Until::first_end && !winner_ && !(cancelled_ && child.ended_cancelled())) {
        winner_ = &child;
        child.mark_retrieved();
        cancel_children();
    }
    // target() is count_ at most: the cheap question first.
    if (!join_ || child_count() > join_->count_) return;
    if (child_count() <= target(join_->count_)) {
        Join* join = std::exchange(join_, nullptr);
        join->wake();
    }
}

void GatherScope::cancelled() noexcept {
    cancelled_ = true;
    cancel_children();
}

void GatherScope::rethrow() {
    if (failure_) {
        if (cancelled_) current_task().redeliver_cancel();
        std::rethrow_exception(failure_);
    }
    if (winner_) {
        if (cancelled_) current_task().redeliver_cancel();
        return;
    }
    if (cancelled_) throw Cancelled();
}

}  // namespace weft::detail
