// Calls to those that leave: made again where that is allowed, drained, ended by their deadlines.
#include "raw_peer.hpp"

#include <weft/core.hpp>
#include <weft/mesh.hpp>
#include <weft/testing/co_test.hpp>
#include <weft/testing/error_of.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace weft::mesh {
namespace {

using namespace std::chrono_literals;
using namespace testing;
using weft::testing::error_of;

Options at(std::string name, std::uint16_t port) { return Options(std::move(name)).port(port); }

// A caller, and a worker that leaves with the calls that it has.
struct LeavingWorker {
    LeavingWorker() : router(Options("router")) { router.start(); }
    Task<void> join() {
        first = std::make_unique<Client>(at("worker", router.port()));
        first->callback("work", [this]() -> Task<int> {
            started.set();
            co_await sleep(1h);
            co_return 1;
        });
        co_await first->connect();
        caller.emplace(at("caller", router.port()));
        conn.emplace(co_await caller->connect());
    }
    // The next one, which answers.
    Task<std::unique_ptr<Client>> join_second() {
        auto second = std::make_unique<Client>(at("second", router.port()));
        second->callback("work", [] { return 2; });
        co_await second->connect();
        co_return second;
    }
    Router router;
    Event started;
    std::unique_ptr<Client> first;
    std::optional<Client> caller;
    std::optional<ClientConnection> conn;
};

CO_TEST(Client, retries_calls_that_are_marked) {
    LeavingWorker mesh;
    co_await mesh.join();
    auto call = spawn(mesh.conn->rpc(10s).idempotent(5).call<int>("work"), "call");
    co_await mesh.started.wait();
    auto second = co_await mesh.join_second();
    mesh.first.reset();
    const int result = co_await std::move(call);
    EXPECT_EQ(result, 2);
}

CO_TEST(Client, retries_until_somebody_is_there_and_no_longer) {
    LeavingWorker mesh;
    co_await mesh.join();
    ClientConnection& conn = *mesh.conn;
    auto call = spawn(conn.rpc(10s).idempotent(1).call<int>("work"), "call");
    auto brief = spawn(error_of<weft::Error>(conn.rpc(100ms).idempotent(1).call<int>("work")), "brief");
    co_await mesh.started.wait();
    mesh.first.reset();
    // Long after the first look at the table.
    co_await sleep(300ms);
    const std::string text = co_await std::move(brief);
    EXPECT_THAT(text, ::testing::HasSubstr("left before it answered"));
    auto second = co_await mesh.join_second();
    const int result = co_await std::move(call);
    EXPECT_EQ(result, 2);
    const std::string nobody =
        co_await error_of<ReceiverNotFound>(conn.rpc(10s).idempotent(5).call<int>("never offered"));
    EXPECT_THAT(nobody, ::testing::HasSubstr("no member offers it"));
}

CO_TEST(Client, drains_behind_a_router_without_losing_a_call) {
    Router router(Options("router"));
    router.start();
    auto work = [](int n) -> Task<int> {
        co_await sleep(5ms);
        co_return n;
    };
    Client leaving(at("leaving", router.port()).workers(50));
    leaving.callback("work", work);
    co_await leaving.connect();
    Client staying(at("staying", router.port()).workers(50));
    staying.callback("work", work);
    co_await staying.connect();
    Client caller(at("caller", router.port()));
    auto conn = co_await caller.connect();
    co_await conn.wait_for_members(5s, "leaving", "staying");
    bool drained = false;
    int answered = 0;
    auto load = [&]() -> Task<void> {
        while (!drained) {
            const int n = co_await conn.rpc(5s).call<int>("work", answered);
            EXPECT_GE(n, 0);
            ++answered;
        }
    };
    std::vector<TaskHandle<void>> callers;
    for (int i = 0; i < 20; ++i) callers.push_back(spawn(load(), "load"));
    while (answered < 100) co_await sleep(1ms);
    co_await leaving.drain();
    co_await sleep(20ms);
    drained = true;
    for (auto& one : callers) co_await std::move(one);
    EXPECT_EQ(router.members().size(), 2u);
    EXPECT_GT(leaving.stats().methods.at("work").calls, 20u);
}

// One that says it offers what it has not, as a worker does that leaves: the call goes to another.
CO_TEST(Client, calls_that_reached_nobody_are_made_to_another) {
    Router router(Options("router"));
    router.start();
    Client worker(at("worker", router.port()));
    worker.callback("work", [] { return 1; });
    co_await worker.connect();
    auto stream = co_await raw(router.port());
    co_await stream->write_all(hello("x", R"(["work"])"));
    int refused = 0;
    auto refuse = [&]() -> Task<void> {
        while (refused < 3) {
            const Received request = co_await read_until(*stream, Flag::request);
            FrameHeader header;
            header.id = request.header.id;
            header.flag = Flag::error;
            header.serde = Serde::json;
            ++refused;
            co_await stream->write_all(frame(
                header, "x", "caller", "work",
                R"({"args": [["ReceiverNotFound", "daffi.exceptions", "no callback", null]], "kwargs": {}})"));
        }
    };
    auto refusing = spawn(refuse(), "refusing");
    Client caller(at("caller", router.port()));
    auto conn = co_await caller.connect();
    co_await conn.wait_for_members(5s, "worker", "x");
    while (refused < 3) {
        const int result = co_await conn.rpc(5s).call<int>("work");
        EXPECT_EQ(result, 1);
    }
    co_await std::move(refusing);
    const std::string pinned = co_await error_of<CallTimeout>(conn.rpc(50ms).receiver("x").call<int>("work"));
    EXPECT_THAT(pinned, ::testing::HasSubstr("from x"));
}

CO_TEST(Deadlines, travel_with_a_call_through_a_router_and_end_the_callback) {
    Router router(Options("router"));
    router.start();
    Client worker(at("worker", router.port()).workers(1));
    Event ended;
    int begun = 0;
    worker.callback("hang", [&]() -> Task<void> {
        ++begun;
        try {
            co_await sleep(1h);
        } catch (const Cancelled&) {
            ended.set();
            throw;
        }
    });
    co_await worker.connect();
    // One that cannot cancel: daffi's callers say nothing when they give up.
    auto stream = co_await raw(router.port());
    std::string out = hello("x");
    FrameHeader header = request_header(2);
    header.tail = encode_deadline(100);
    // The second waits in the queue until its time is over, and never begins.
    for (header.id = 2; header.id <= 3; ++header.id)
        out += frame(header, "x", "worker", "hang", R"({"args": [], "kwargs": {}})");
    const TimePoint begin = Clock::now();
    co_await stream->write_all(out);
    co_await ended.wait();
    EXPECT_GE(Clock::now() - begin, 90ms);
    while (worker.stats().methods.at("hang").errors < 2) co_await sleep(1ms);
    EXPECT_EQ(begun, 1);
}

CO_TEST(Service, drains_what_it_has_begun) {
    Service service(Options("calc").workers(2));
    Event started;
    service.callback("work", [&]() -> Task<int> {
        started.set();
        co_await sleep(20ms);
        co_return 7;
    });
    service.start();
    Client caller(at("caller", service.port()).reconnect(false));
    auto conn = co_await caller.connect();
    auto call = spawn(conn.rpc(5s).call<int>("work"), "call");
    co_await started.wait();
    co_await service.drain();
    const int result = co_await std::move(call);
    EXPECT_EQ(result, 7);
}

CO_TEST(Service, drains_while_its_callers_go_on_calling) {
    Service service(Options("calc").workers(4));
    service.callback("work", []() -> Task<int> {
        co_await sleep(1ms);
        co_return 7;
    });
    service.start();
    Client caller(at("caller", service.port()).reconnect(false));
    auto conn = co_await caller.connect();
    int answered = 0;
    int not_run = 0;
    int lost = 0;
    const auto load = [&]() -> Task<void> {
        while (lost + not_run < 1000) {
            try {
                co_await conn.rpc(5s).call<int>("work");
                ++answered;
            } catch (const ReceiverNotFound&) {
                ++not_run;
            } catch (const Disconnected& error) {
                if (!error.sent()) co_return;
                ++lost;
            }
            co_await yield();
        }
    };
    std::vector<TaskHandle<void>> callers;
    for (int i = 0; i < 8; ++i) callers.push_back(spawn(load(), "load"));
    while (answered < 50) co_await sleep(1ms);
    co_await timeout(5s, service.drain());
    for (auto& one : callers) co_await std::move(one);
    EXPECT_EQ(lost, 0);
}

// What waits for a worker comes to nothing: its caller has gone, or has given up, or its time is over.
CO_TEST(Service, drains_when_nobody_waits_for_the_last_call_any_more) {
    for (const std::string_view why : {"gone", "cancelled", "late"}) {
        Service service(Options("calc").workers(1));
        Event started;
        service.callback("work", [&]() -> Task<int> {
            started.set();
            co_await sleep(30ms);
            co_return 7;
        });
        service.start();
        Client caller(at("caller", service.port()).reconnect(false));
        auto conn = co_await caller.connect();
        auto call = spawn(conn.rpc(5s).call<int>("work"), "call");
        co_await started.wait();
        auto last = co_await introduced(service.port(), "x", "null", std::string(weft_client));
        FrameHeader header = request_header(2);
        if (why == "late") header.tail = encode_deadline(1);
        std::string frames = frame(header, "x", "calc", "work", R"({"args": [], "kwargs": {}})");
        if (why == "cancelled") frames += extension_frame(header, "x", "calc", "", ExtKind::cancel);
        const std::uint64_t before = service.stats().frames;
        co_await last->write_all(frames);
        while (service.stats().frames == before) co_await sleep(1ms);
        if (why == "gone") last->close();
        co_await timeout(5s, service.drain());
        const int result = co_await std::move(call);
        EXPECT_EQ(result, 7);
    }
}

// Ids of calls that nobody answers may be those of calls that somebody waits for.
CO_TEST(Cancelling, concerns_the_call_that_is_answered) {
    std::vector<int> running;
    std::vector<int> cancelled;
    Event stop;
    Service service(Options("calc").workers(2));
    service.callback("hang", [&](int n) -> Task<void> {
        running.push_back(n);
        try {
            co_await stop.wait();
        } catch (const Cancelled&) {
            cancelled.push_back(n);
            throw;
        }
    });
    service.start();
    auto caller = co_await introduced(service.port(), "x", "null", std::string(weft_client));
    FrameHeader unanswered = request_header(5);
    unanswered.wants_reply = false;
    const FrameHeader answered = request_header(5);
    co_await caller->write_all(frame(unanswered, "x", "calc", "hang", R"({"args": [1], "kwargs": {}})") +
                               frame(answered, "x", "calc", "hang", R"({"args": [2], "kwargs": {}})"));
    while (running.size() != 2) co_await sleep(1ms);
    co_await caller->write_all(extension_frame(answered, "x", "calc", "", ExtKind::cancel));
    const Received error = co_await read_until(*caller, Flag::error);
    EXPECT_THAT(error.data, ::testing::HasSubstr("CancelledError"));
    EXPECT_THAT(cancelled, ::testing::ElementsAre(2));
    stop.set();
    co_await service.drain();
}

// It crossed the answer. A later call of the same id has nothing to do with it.
CO_TEST(Cancelling, of_a_call_that_was_answered_concerns_no_later_one) {
    Service service(Options("calc").workers(1));
    Event gate;
    service.callback("wait", [&](int n) -> Task<int> {
        co_await gate.wait();
        co_return n;
    });
    service.start();
    auto caller = co_await introduced(service.port(), "x", "null", std::string(weft_client));
    std::string frames;
    for (std::uint16_t id = 2; id <= 3; ++id)
        frames += frame(request_header(id), "x", "calc", "wait", R"({"args": [0], "kwargs": {}})");
    frames += extension_frame(request_header(9), "x", "calc", "", ExtKind::cancel);
    frames += frame(request_header(9), "x", "calc", "wait", R"({"args": [9], "kwargs": {}})");
    // And one that concerns a call that waits, and comes to it only once.
    frames += frame(request_header(4), "x", "calc", "wait", R"({"args": [0], "kwargs": {}})");
    frames += extension_frame(request_header(4), "x", "calc", "", ExtKind::cancel);
    frames += frame(request_header(4), "x", "calc", "wait", R"({"args": [4], "kwargs": {}})");
    const std::uint64_t before = service.stats().frames;
    co_await caller->write_all(frames);
    while (service.stats().frames != before + 7) co_await sleep(1ms);
    gate.set();
    std::vector<std::string> answers;
    for (int i = 0; i < 5; ++i) {
        const Received answer = co_await read_frame(*caller);
        answers.push_back(std::to_string(answer.header.id) +
                          (answer.header.flag == Flag::response ? " " + answer.data : " error"));
    }
    EXPECT_THAT(answers,
                ::testing::ElementsAre(R"(2 {"args": [0], "kwargs": {}})", R"(3 {"args": [0], "kwargs": {}})",
                                       R"(9 {"args": [9], "kwargs": {}})", "4 error",
                                       R"(4 {"args": [4], "kwargs": {}})"));
}

}  // namespace
}  // namespace weft::mesh
