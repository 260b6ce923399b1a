// The device scanner of docs/from-python/asyncio.md. usage: scan_subnet <subnet> [ping program]
#include <weft/core.hpp>

#include <cstdio>
#include <string>
#include <utility>
#include <vector>

using namespace std::chrono_literals;

std::string ping_program = "ping";

weft::Task<std::pair<std::string, bool>> ping(std::string host, weft::Duration limit = 2s) {
    const auto seconds = std::chrono::ceil<std::chrono::seconds>(limit).count();
    std::vector<std::string> command = {ping_program, "-c", "1", "-W", std::to_string(seconds), host};
    try {
        auto result = co_await weft::timeout(limit + 1s, weft::run_process(std::move(command)));
        co_return std::pair(host, result.ok());
    } catch (const weft::TimeoutError&) {
        co_return std::pair(host, false);  // the child has been killed and reaped
    }
}

weft::Task<std::vector<std::string>> scan_subnet(std::string subnet, std::size_t max_concurrent = 50) {
    weft::Semaphore semaphore(max_concurrent);
    const std::string base = subnet.substr(0, subnet.rfind('.'));

    auto limited_ping = [&](std::string host) -> weft::Task<std::pair<std::string, bool>> {
        auto permit = co_await semaphore.acquire();
        co_return co_await ping(std::move(host));
    };

    std::vector<weft::Task<std::pair<std::string, bool>>> tasks;
    for (int i = 1; i < 255; ++i) tasks.push_back(limited_ping(base + "." + std::to_string(i)));
    const auto results = co_await weft::gather(std::move(tasks));

    std::vector<std::string> alive;
    for (const auto& [host, up] : results)
        if (up) alive.push_back(host);
    std::printf("Found %zu hosts up in %s\n", alive.size(), subnet.c_str());
    co_return alive;
}

int main(int argc, char** argv) {
    if (argc > 2) ping_program = argv[2];
    const auto hosts = weft::run(scan_subnet(argc > 1 ? argv[1] : "10.50.1.0"));
    for (const std::string& host : hosts) std::printf("%s\n", host.c_str());
}
