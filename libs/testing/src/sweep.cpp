#include <weft/core/gather.hpp>
#include <weft/testing/loop_stepper.hpp>
#include <weft/testing/sweep.hpp>

#include <filesystem>
#include <iterator>
#include <string>

namespace weft::testing {

namespace {

void after_run(const SweepOptions& options, std::size_t descriptors, const std::string& where) {
    const std::size_t now = open_descriptors();
    if (now != descriptors)
        throw SweepError(where + ": " + std::to_string(descriptors) + " descriptors were open before, " +
                         std::to_string(now) + " after");
    if (options.check_) options.check_();
}

void require_end(const std::exception_ptr& error, bool cancelled, bool allow_errors,
                 const std::string& where) {
    if (!error) return;
    try {
        std::rethrow_exception(error);
    } catch (const Cancelled&) {
        if (cancelled) return;
    } catch (const Error&) {
        if (cancelled && allow_errors) return;
    } catch (...) {
    }
    throw SweepError(where + ": ended with: " + detail::describe(error));
}

}  // namespace

std::size_t open_descriptors() {
    // The folder's own descriptor counts each time.
    const std::filesystem::directory_iterator all("/proc/self/fd");
    return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

std::size_t sweep_destruction(const SweepScenario& scenario, const SweepOptions& options) {
    for (std::size_t n = 0; n <= options.max_steps_; ++n) {
        const std::string where = "destroyed after step " + std::to_string(n);
        const std::size_t descriptors = open_descriptors();
        bool ended = false;
        {
            LoopStepper stepper(scenario(), options.time_);
            std::size_t step = 0;
            while (step < n && stepper.step()) ++step;
            if (step < n) {
                stepper.finish(options.max_steps_);
                require_end(stepper.error(), false, false, "undisturbed");
                ended = true;
            }
        }
        after_run(options, descriptors, where);
        if (ended) return n;
    }
    throw SweepError("the scenario has more than " + std::to_string(options.max_steps_) + " steps");
}

std::size_t sweep_cancellation(const SweepScenario& scenario, const SweepOptions& options) {
    for (std::size_t n = 0; n <= options.max_steps_; ++n) {
        const std::string where = "cancelled after step " + std::to_string(n);
        const std::size_t descriptors = open_descriptors();
        bool cancelled = false;
        {
            LoopStepper stepper(scenario(), options.time_);
            std::size_t step = 0;
            while (step < n && stepper.step()) ++step;
            cancelled = stepper.cancel();
            try {
                stepper.finish(options.max_steps_);
            } catch (const SweepError& e) {
                throw SweepError(where + ": " + e.what());
            }
            require_end(stepper.error(), cancelled, options.allow_errors_, where);
        }
        after_run(options, descriptors, where);
        if (!cancelled) return n;
    }
    throw SweepError("the scenario has more than " + std::to_string(options.max_steps_) + " steps");
}

}  // namespace weft::testing
