// Coroutines, gather, tasks, time limits, groups and semaphores: the first half of
// docs/from-python/asyncio.md.
#include "lab.hpp"

#include <weft/core.hpp>

#include <cstdio>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

using namespace std::chrono_literals;

weft::Task<std::string> fetch_config(Device device) {  // does not run until awaited
    auto [reader, writer] = co_await weft::open_connection(device.address);
    writer.write("show running-config\n");
    std::string config = co_await reader.read_to_end(1 << 20);
    writer.close();
    co_await writer.wait_closed();
    co_return config;
}

weft::Task<void> print_config(Device device) {
    const std::string config = co_await fetch_config(std::move(device));
    std::fputs(config.c_str(), stdout);
}

weft::Task<void> save_to_file(std::string name, std::string text) {
    std::printf("saved %s.cfg, %zu bytes\n", name.c_str(), text.size());
    co_await weft::yield();
}

weft::Task<std::string> backup_device(Device device) {
    const std::string name = device.name;
    std::string config = co_await fetch_config(std::move(device));  // others run meanwhile
    const std::size_t size = config.size();
    co_await save_to_file(name, std::move(config));
    co_return name + ": " + std::to_string(size) + " bytes";
}

weft::Task<std::vector<std::string>> backup_all(std::vector<Device> devices) {
    std::vector<weft::Task<std::string>> tasks;
    for (const Device& device : devices) tasks.push_back(fetch_config(device));
    co_return co_await weft::gather(std::move(tasks));
}

weft::Task<void> backup_all_safe(std::vector<Device> devices) {
    std::vector<weft::Task<std::string>> tasks;
    for (const Device& device : devices) tasks.push_back(fetch_config(device));
    auto outcomes = co_await weft::gather_settled(std::move(tasks));
    for (std::size_t i = 0; i < devices.size(); ++i) {
        if (outcomes[i].ok()) {
            std::printf("%s: %zu bytes\n", devices[i].name.c_str(), outcomes[i].value().size());
        } else {
            std::printf("%s: FAILED - %s\n", devices[i].name.c_str(), outcomes[i].error_text().c_str());
        }
    }
}

weft::Task<bool> ping(Device device) {
    try {
        co_await weft::open_connection(device.address);
    } catch (const weft::Error&) {
        co_return false;
    }
    co_return true;
}

weft::Task<void> process_something_else() { co_await weft::sleep(1ms); }

weft::Task<void> monitor(std::vector<Device> devices) {
    // Start all pings as tasks of their own.
    std::vector<weft::TaskHandle<bool>> tasks;
    for (const Device& device : devices) tasks.push_back(weft::spawn(ping(device), device.name));

    // Do other work while the pings run.
    co_await process_something_else();

    // Now collect the results.
    for (auto& task : tasks) {
        const bool up = co_await task;
        std::printf("%s: %s\n", task.name().c_str(), up ? "UP" : "DOWN");
    }
}

weft::Task<std::optional<std::string>> fetch_with_timeout(Device device, weft::Duration limit) {
    try {
        co_return co_await weft::timeout(limit, fetch_config(device));
    } catch (const weft::TimeoutError& error) {
        std::printf("%s: %s\n", device.name.c_str(), error.what());
        co_return std::nullopt;
    }
}

weft::Task<void> fetch_and_store(Device device, std::map<std::string, std::string>& results) {
    results[device.name] = co_await fetch_config(device);
}

weft::Task<std::map<std::string, std::string>> backup_group(std::vector<Device> devices) {
    std::map<std::string, std::string> results;
    co_await weft::with_task_group([&](weft::TaskGroup& group) -> weft::Task<void> {
        for (const Device& device : devices) group.spawn(fetch_and_store(device, results), device.name);
        co_return;
    });
    // All tasks have ended; had one failed, the others would have been cancelled and its error thrown.
    co_return results;
}

weft::Task<std::vector<std::string>> backup_limited(std::vector<Device> devices,
                                                    std::size_t max_concurrent = 10) {
    weft::Semaphore semaphore(max_concurrent);

    auto limited_backup = [&](Device device) -> weft::Task<std::string> {
        auto permit = co_await semaphore.acquire();  // at most 10 coroutines are past this line
        co_return co_await fetch_config(std::move(device));
    };

    std::vector<weft::Task<std::string>> tasks;
    for (const Device& device : devices) tasks.push_back(limited_backup(device));
    co_return co_await weft::gather(std::move(tasks));
}

weft::Task<std::vector<std::string>> backup_limited_shorter(std::vector<Device> devices) {
    std::vector<weft::Task<std::string>> tasks;
    for (const Device& device : devices) tasks.push_back(fetch_config(device));
    co_return co_await weft::gather(std::move(tasks), 10);
}

weft::Task<void> main_task() {
    Lab lab;
    auto everything = lab.devices;
    everything.push_back(lab.dead);

    co_await print_config(lab.devices.front());
    const std::string line = co_await backup_device(lab.devices.front());
    std::printf("%s\n", line.c_str());
    const auto configs = co_await backup_all(lab.devices);
    std::printf("%zu configs, the second is of %s", configs.size(), configs[1].substr(9, 4).c_str());
    co_await backup_all_safe(everything);
    co_await monitor(everything);
    co_await fetch_with_timeout(lab.mute, 20ms);
    const auto stored = co_await backup_group(lab.devices);
    const auto limited = co_await backup_limited(lab.devices, 2);
    const auto shorter = co_await backup_limited_shorter(lab.devices);
    std::printf("%zu stored, %zu limited, %zu shorter\n", stored.size(), limited.size(), shorter.size());
    co_await lab.close();
}

int main() { return weft::run(main_task()); }
