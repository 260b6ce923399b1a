#include <weft/core/error.hpp>
#include <weft/core/semaphore.hpp>
#include <weft/core/sleep.hpp>
#include <weft/core/task_group.hpp>
#include <weft/probe/sweep.hpp>

#include <algorithm>
#include <utility>

namespace weft::probe {

namespace {

// A token bucket. Its depth is a hundredth of a second, so that the loop's millisecond does not limit the
// rate.
class Pace {
public:
    explicit Pace(double rate)
        : rate_(rate), depth_(std::max(1.0, rate / 100)), tokens_(depth_), then_(Clock::now()) {}

    // Zero when a token was taken; otherwise how long to wait before the next try.
    Duration take() {
        if (rate_ <= 0) return Duration::zero();
        const TimePoint now = Clock::now();
        tokens_ = std::min(depth_, tokens_ + rate_ * std::chrono::duration<double>(now - then_).count());
        then_ = now;
        if (tokens_ >= 1) {
            tokens_ -= 1;
            return Duration::zero();
        }
        const std::chrono::duration<double> wait((1 - tokens_) / rate_);
        return std::max<Duration>(std::chrono::duration_cast<Duration>(wait), std::chrono::microseconds(1));
    }

private:
    double rate_;
    double depth_;
    double tokens_;
    TimePoint then_;
};

Task<void> wait_turn(Pace& pace) {
    for (;;) {
        const Duration wait = pace.take();
        if (wait == Duration::zero()) co_return;
        co_await sleep(wait);
    }
}

// `permit` is the target's place in the window; it is given back when the target is done with.
Task<void> probe_target(const Pinger& pinger, Pace& pace, const SweepOptions& options, SweepResult& result,
                        [[maybe_unused]] Permit permit) {
    for (;;) {
        ++result.attempts;
        result.result = co_await pinger.ping(result.target, options.ping);
        if (!result.result.timeout() || result.attempts > options.retries) break;
        co_await wait_turn(pace);
    }
    if (options.on_result) options.on_result(result);
}

}  // namespace

Task<std::vector<SweepResult>> sweep(const Pinger& pinger, std::vector<IpAddress> targets,
                                     SweepOptions options) {
    std::vector<SweepResult> results(targets.size());
    Pace pace(options.rate);
    Semaphore window(std::max<std::size_t>(options.window, 1));
    co_await with_task_group([&](TaskGroup& group) -> Task<void> {
        for (std::size_t i = 0; i < targets.size(); ++i) {
            results[i].target = targets[i];
            Permit permit = co_await window.acquire();
            co_await wait_turn(pace);
            group.spawn(probe_target(pinger, pace, options, results[i], std::move(permit)));
        }
    });
    co_return results;
}

std::vector<IpAddress> hosts_of(const netlink::IpPrefix& prefix) {
    const unsigned host_bits = prefix.address().bit_count() - prefix.length();
    if (host_bits > 20)
        throw UsageError(prefix.to_string() + " has more than 2^20 addresses; sweep it in parts");
    const IpAddress first = prefix.network().address();
    std::uint64_t begin = 0;
    std::uint64_t end = std::uint64_t{1} << host_bits;
    if (prefix.family() == netlink::IpFamily::v4 && host_bits >= 2) {
        ++begin;
        --end;
    }
    std::vector<IpAddress> hosts;
    hosts.reserve(end - begin);
    for (std::uint64_t i = begin; i < end; ++i) hosts.push_back(first.plus(i));
    return hosts;
}

}  // namespace weft::probe
