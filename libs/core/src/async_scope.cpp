#include <weft/core/async_scope.hpp>

#include <string>
#include <utility>

namespace weft {

namespace {

std::string summary(const std::vector<std::exception_ptr>& errors) {
    std::string text;
    for (const std::exception_ptr& error : errors)
        text += (text.empty() ? "" : "; and then: ") + detail::describe(error);
    return text;
}

}  // namespace

ScopeError::ScopeError(std::vector<std::exception_ptr> errors)
    : Error(summary(errors)), errors_(std::move(errors)) {}

namespace detail {

void ScopeFailures::add(std::exception_ptr error) noexcept {
    try {
        std::rethrow_exception(error);
    } catch (const Cancelled&) {
        cancelled_ = true;
    } catch (...) {
        errors_.push_back(std::move(error));
    }
}

void ScopeFailures::rethrow() {
    if (!errors_.empty()) {
        if (cancelled_) current_task().redeliver_cancel();
        if (errors_.size() == 1) std::rethrow_exception(errors_.front());
        throw ScopeError(std::move(errors_));
    }
    if (cancelled_) throw Cancelled();
}

}  // namespace detail

void AsyncScope::push(Closer* closer) { closers_.push_back(Pimpl<Closer>(closer)); }

Task<void> AsyncScope::close(detail::ScopeFailures& failures) {
    while (!closers_.empty()) {
        Pimpl<Closer> closer = std::move(closers_.back());
        closers_.pop_back();
        try {
            co_await uncancellable(closer->close());
        } catch (...) {
            failures.add(std::current_exception());
        }
    }
}

}  // namespace weft
