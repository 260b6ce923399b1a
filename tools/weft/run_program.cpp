#include "run_program.hpp"

#include <weft/core/dump_tasks.hpp>
#include <weft/core/log.hpp>
#include <weft/core/run.hpp>
#include <weft/core/signals.hpp>
#include <weft/core/spawn.hpp>

#include <csignal>
#include <iostream>
#include <map>
#include <memory>
#include <string>

#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

namespace weft::tool {

namespace {

using namespace std::chrono_literals;

constexpr Duration slow_limit = 100ms;  // asyncio's slow_callback_duration

spdlog::logger& logger() {
    static const auto instance = [] {
        auto made = spdlog::stderr_color_mt("weft");
        made->set_level(spdlog::level::warn);
        return made;
    }();
    return *instance;
}

spdlog::level::level_enum spdlog_level(LogLevel level) {
    switch (level) {
        case LogLevel::debug:
            return spdlog::level::debug;
        case LogLevel::info:
            return spdlog::level::info;
        case LogLevel::warning:
            return spdlog::level::warn;
        case LogLevel::error:
            return spdlog::level::err;
    }
    return spdlog::level::err;
}

class SpdlogSink final : public LogSink {
public:
    void log(LogLevel level, const std::string& text) noexcept override {
        logger().log(spdlog_level(level), text);  // a string_view: not a format
    }
};

Task<void> show_tasks_on_signal(Signals signals) {
    for (;;) {
        co_await signals.next();
        std::cerr << dump_tasks() << std::flush;
    }
}

Signals dump_signal() { return Signals{SIGUSR1}; }

Task<void> run_watched(Task<void> main) {
    const auto watcher = spawn(show_tasks_on_signal(dump_signal()), "dump tasks");
    co_await std::move(main);
}

}  // namespace

void add_log_option(CLI::App& app) {
    static const std::map<std::string, spdlog::level::level_enum> levels = {{"debug", spdlog::level::debug},
                                                                            {"info", spdlog::level::info},
                                                                            {"warning", spdlog::level::warn},
                                                                            {"error", spdlog::level::err},
                                                                            {"off", spdlog::level::off}};
    const auto set_level = [](const std::string& name) { logger().set_level(levels.at(name)); };
    app.add_option_function<std::string>(
           "--log-level", set_level, "What goes to stderr: debug, info, warning (the default), error, off")
        ->check(CLI::IsMember(levels))
        ->type_name("LEVEL")
        ->envname("WEFT_LOG_LEVEL");
}

int run_program(Task<void> main) {
    SpdlogSink sink;
    const Duration slow = logger().should_log(spdlog::level::debug) ? slow_limit : Duration::zero();
    return run(run_watched(std::move(main)), RunOptions().log_sink(sink).warn_slow(slow));
}

}  // namespace weft::tool
