// Tasks: started, limited, cancelled, in groups, and what they share. For docs/guide/core.md.
#include <weft/core.hpp>

#include <cstdio>
#include <string>
#include <vector>

using namespace std::chrono_literals;

// Stands for a device that answers after a while.
weft::Task<std::string> show_version(std::string device) {
    const weft::Duration delay = device == "slow1" ? weft::Duration(1h) : 2ms;
    co_await weft::sleep(delay);
    if (device == "dead1") throw weft::ClosedError("connect to dead1: connection refused");
    co_return device + ": 17.3.4";
}

weft::Task<void> start_and_await() {
    auto first = weft::spawn(show_version("sw1"), "sw1");
    const std::string second = co_await show_version("sw2");
    const std::string& version = co_await first;
    std::printf("%s, %s\n", version.c_str(), second.c_str());
}

weft::Task<void> all_of(std::vector<std::string> devices) {
    std::vector<weft::Task<std::string>> tasks;
    for (const std::string& device : devices) tasks.push_back(weft::timeout(50ms, show_version(device)));
    auto outcomes = co_await weft::gather_settled(std::move(tasks), 100);
    for (std::size_t i = 0; i < outcomes.size(); ++i)
        std::printf("%s -> %s\n", devices[i].c_str(),
                    outcomes[i].ok() ? outcomes[i].value().c_str() : outcomes[i].error_text().c_str());
}

weft::Task<void> monitor(std::string device, weft::Sender<std::string> alarms) {
    for (int i = 0; i < 2; ++i) {
        co_await weft::sleep(1ms);
        std::string alarm = device + " alarm " + std::to_string(i);
        co_await alarms.send(std::move(alarm));
    }
}

weft::Task<void> report(weft::Receiver<std::string> alarms) {
    int count = 0;
    for (;;) {
        auto alarm = co_await alarms.next();
        if (!alarm) break;
        ++count;
    }
    std::printf("%d alarms\n", count);
}

weft::Task<void> watch_all() {
    weft::Channel<std::string> alarms(64);
    auto body = [&](weft::TaskGroup& group) -> weft::Task<void> {
        group.spawn(monitor("sw1", alarms.sender), "monitor sw1");
        group.spawn(monitor("sw2", std::move(alarms.sender)), "monitor sw2");
        group.spawn(report(std::move(alarms.receiver)), "report");
        co_return;
    };
    co_await weft::with_task_group(body);
}

weft::Task<void> change_configuration(bool* rolled_back) {
    bool cancelled = false;
    try {
        co_await weft::sleep(1h);
    } catch (const weft::Cancelled&) {
        cancelled = true;
    }
    // Awaiting is allowed here, but not in the handler itself.
    co_await weft::sleep(1ms);
    *rolled_back = cancelled;
    if (cancelled) throw weft::Cancelled();
}

weft::Task<void> cancel_it() {
    bool rolled_back = false;
    auto change = weft::spawn(change_configuration(&rolled_back), "change");
    co_await weft::sleep(1ms);
    co_await weft::cancel_and_join(change);
    std::printf("rolled back: %s\n", rolled_back ? "yes" : "no");
}

weft::Task<void> whole_site() {
    weft::TimeoutScope scope(1h);
    bool late = false;
    try {
        co_await show_version("sw1");
        scope.reschedule(5ms);
        co_await show_version("slow1");
    } catch (const weft::Cancelled&) {
        if (!scope.claim()) throw;
        late = true;
    }
    std::printf("late: %s\n", late ? "yes" : "no");
}

weft::Task<void> one_at_a_time(weft::Lock& lock, std::vector<int>& shared, int value) {
    auto guard = co_await lock.acquire();
    shared.push_back(value);
    co_await weft::yield();
    shared.push_back(value);
}

weft::Task<void> share() {
    weft::Lock lock;
    std::vector<int> shared;
    co_await weft::gather(one_at_a_time(lock, shared, 1), one_at_a_time(lock, shared, 2));
    for (const int value : shared) std::printf("%d ", value);
    std::printf("\n");
}

weft::Task<void> main_task() {
    co_await start_and_await();
    std::vector<std::string> devices;
    for (const char* name : {"sw1", "dead1", "slow1"}) devices.emplace_back(name);
    co_await all_of(std::move(devices));
    co_await watch_all();
    co_await cancel_it();
    co_await whole_site();
    co_await share();
}

int main() { return weft::run(main_task()); }
