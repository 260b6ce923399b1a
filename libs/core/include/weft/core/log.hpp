// Where the runtime reports what it can tell no caller. The library itself never prints.
#pragma once

#include <string>

namespace weft {

enum class LogLevel : unsigned char { debug, info, warning, error };

[[nodiscard]] constexpr const char* to_string(LogLevel level) noexcept {
    switch (level) {
        case LogLevel::debug:
            return "debug";
        case LogLevel::info:
            return "info";
        case LogLevel::warning:
            return "warning";
        case LogLevel::error:
            return "error";
    }
    return "?";
}

// Implemented by the program: a few lines for spdlog, syslog or a test's vector. Given to a loop by
// Loop::set_log_sink(), and called on that loop's thread.
class LogSink {
public:
    // `text` is one line without its end.
    virtual void log(LogLevel level, const std::string& text) noexcept = 0;

protected:
    ~LogSink() = default;
};

// To the sink of the loop that runs on this thread; nowhere when there is none.
void log(LogLevel level, const std::string& text) noexcept;

}  // namespace weft
