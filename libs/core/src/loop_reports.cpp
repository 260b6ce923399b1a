// What a loop tells its log sink.
#include <weft/core/gather.hpp>
#include <weft/core/log.hpp>
#include <weft/core/loop.hpp>

#include <cstdint>
#include <cstdio>
#include <string>

#include <dlfcn.h>

namespace weft {

namespace {

std::string task_label(const std::string& name) {
    return name.empty() ? std::string("a task without a name") : "task '" + name + "'";
}

// The coroutine's code: all that is known of a frame that never ran. The name, where the program exports it
// (-rdynamic), else an address for addr2line.
std::string coroutine_label(std::coroutine_handle<> frame) {
    void* resume = *static_cast<void**>(frame.address());
    Dl_info info{};
    const bool found = ::dladdr(resume, &info) != 0;
    if (found && info.dli_sname) return info.dli_sname;
    char text[64];
    const auto base = found ? reinterpret_cast<std::uintptr_t>(info.dli_fbase) : 0;
    std::snprintf(text, sizeof text, "at %#jx",
                  static_cast<std::uintmax_t>(reinterpret_cast<std::uintptr_t>(resume) - base));
    return text + (found && info.dli_fname ? " of " + std::string(info.dli_fname) : std::string());
}

}  // namespace

void log(LogLevel level, const std::string& text) noexcept {
    const Loop* loop = Loop::current_or_null();
    if (loop && loop->log_sink()) loop->log_sink()->log(level, text);
}

void Loop::report_lost(const detail::TaskControl& task) noexcept {
    if (lost_error_handler_) {
        lost_error_handler_(task.name(), task.error(), lost_error_user_);
    } else if (log_sink_) {
        log_sink_->log(LogLevel::error, task_label(task.name()) + " failed, and nobody took its error: " +
                                            detail::describe(task.error()));
    }
}

void Loop::report_never_awaited(const detail::TaskControl& dropper, std::coroutine_handle<> frame) noexcept {
    if (!log_sink_) return;
    log_sink_->log(LogLevel::warning, "a coroutine was never awaited: " + coroutine_label(frame) +
                                          ", dropped by " + task_label(dropper.name()));
}

void Loop::run_watched(detail::TaskControl& task) noexcept {
    const std::string name = task.name();  // the task may be gone afterwards
    const TimePoint start = Clock::now();
    task.run();
    const Duration taken = Clock::now() - start;
    if (taken < slow_limit_ || !log_sink_) return;
    char text[64];
    std::snprintf(text, sizeof text, " kept the loop busy for %.3g s",
                  std::chrono::duration<double>(taken).count());
    log_sink_->log(LogLevel::warning, task_label(name) + text);
}

}  // namespace weft
