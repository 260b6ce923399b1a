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
    if (on_failure_ == OnFailure::cancel_the_rest && !stopping() && child.error()) {
        failure_ = child.error();
        cancel_children();
    }
    if (join_ && child_count() <= target(join_->count_)) {
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
    if (cancelled_) throw Cancelled();
}

}  // namespace weft::detail
