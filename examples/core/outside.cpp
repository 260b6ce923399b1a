// The world outside of the loop: streams, processes, threads, and how to see inside. For docs/guide/core.md.
#include <weft/core.hpp>

#include <cstdio>
#include <string>
#include <vector>

using namespace std::chrono_literals;

weft::Task<void> answer(weft::Connection& connection) {
    for (;;) {
        auto line = co_await connection.reader.read_line();
        if (!line) break;
        connection.writer.write("you said " + *line + "\n");
        co_await connection.writer.drain();
    }
}

weft::Task<void> talk() {
    auto server = weft::start_server(answer, weft::SocketAddress::loopback(0));
    auto connection = co_await weft::timeout(5s, weft::open_connection("localhost", server.port()));
    connection.writer.write("hello\n");
    auto line = co_await connection.reader.read_line();
    std::printf("%s\n", line.value_or("nothing").c_str());
    connection.writer.close();
    co_await connection.writer.wait_closed();
    co_await server.drain();
}

weft::Task<void> run_commands() {
    std::vector<std::string> args;
    for (const char* argument : {"sh", "-c", "echo 3 packets received; sleep 100"})
        args.emplace_back(argument);
    bool late = false;
    try {
        co_await weft::timeout(50ms, weft::run_process(args));
    } catch (const weft::TimeoutError&) {
        late = true;  // sh and sleep are gone, and reaped
    }
    args.back() = "echo 3 packets received; exit 1";
    auto result = co_await weft::run_process(args);
    std::printf("%s, then %s: %s", late ? "stopped" : "ended", result.status.to_string().c_str(),
                result.out.c_str());
}

// Blocks, or computes for long: not for a loop's thread.
std::size_t count_bits(unsigned n) {
    std::size_t bits = 0;
    for (unsigned i = 0; i < n; ++i) bits += static_cast<std::size_t>(__builtin_popcount(i));
    return bits;
}

weft::Task<void> ask_threads() {
    weft::ThreadPool pool(2);
    auto bits = co_await weft::to_thread(pool, [] { return count_bits(1000); });
    std::printf("%zu bits\n", bits);
}

const weft::TaskLocal<std::string> device("no device");

class Log final : public weft::LogSink {
public:
    void log(weft::LogLevel level, const std::string& text) noexcept override {
        std::printf("%s: %s [%s]\n", weft::to_string(level), text.c_str(), device.get().c_str());
    }
};

weft::Task<void> poll_device(std::string name) {
    device.set(name);
    co_await weft::sleep(1h);
}

weft::Task<void> look_inside() {
    auto poller = weft::spawn(poll_device("sw1"), "poll sw1");
    co_await weft::sleep(2ms);
    std::printf("%s", weft::dump_tasks().c_str());
    weft::log(weft::LogLevel::info, "done");
}

weft::Task<void> main_task() {
    co_await talk();
    co_await run_commands();
    co_await ask_threads();
    co_await look_inside();
}

int main() {
    Log log;
    const int status = weft::run(main_task(), weft::RunOptions().log_sink(log).warn_slow(1s));
    // Without coroutines, and without another thread:
    auto result = weft::sync_wait(weft::timeout(5s, weft::run_process({"echo", "blocking"})));
    std::printf("%s", result.out.c_str());
    return status;
}
