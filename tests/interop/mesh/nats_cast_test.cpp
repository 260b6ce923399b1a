// Casts in a NATS cluster: one message for all workers, and what becomes of those that do not answer it.
#include "nats_cluster.hpp"

#include <weft/core.hpp>
#include <weft/mesh.hpp>
#include <weft/testing/co_test.hpp>
#include <weft/testing/error_of.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

namespace weft::mesh {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Key;
using ::testing::SizeIs;

template <class T>
using Answers = std::map<std::string, Result<T>>;

// The text of the E that `worker` ended with.
template <class E, class T>
std::string error_in(const Answers<T>& answers, const std::string& worker) {
    try {
        (void)answers.at(worker).value();
    } catch (const E& error) {
        return error.what();
    }
    return "(no error)";
}

// Messages that the server has had from the member, by its own count (GET /connz).
Task<int> messages_from(std::string member, std::uint16_t monitor) {
    auto stream = co_await connect(SocketAddress::loopback(monitor));
    const std::string request = "GET /connz?limit=10000 HTTP/1.0\r\nHost: localhost\r\n\r\n";
    co_await stream->write_all(request);
    std::string said;
    std::byte room[16384];
    for (;;) {
        const std::size_t n = co_await stream->read_some(room);
        if (n == 0) break;
        said.append(reinterpret_cast<const char*>(room), n);
    }
    const std::size_t name = said.find("\"name\": \"" + member + "\"");
    if (name == std::string::npos) throw Error("nats-server knows no " + member + ": " + said);
    const std::string key = "\"in_msgs\": ";
    co_return std::stoi(said.substr(said.rfind(key, name) + key.size()));
}

// Workers "w0", "w1", … at the servers in turn, each of which gives its name and counts its calls.
class Crew {
public:
    Crew(const std::vector<std::unique_ptr<NatsProcess>>& servers, std::size_t count) {
        for (std::size_t i = 0; i < count; ++i)
            add("w" + std::to_string(i), servers.at(i % servers.size())->url());
    }
    Client& add(const std::string& name, const std::string& url) {
        auto worker = std::make_unique<Client>(Options(name).host(url).workers(4));
        worker->callback("who", [this, name](std::string text) {
            ++calls[name];
            return name + text;
        });
        worker->callback("size", [](const Bytes& bytes) { return bytes.size(); });
        worker->callback("zeros", [](std::size_t n) { return Bytes(n); });
        worker->callback("hang", [this, name](std::string who) -> Task<std::string> {
            if (who != name) co_return name;
            hangs.set();
            try {
                co_await sleep(1h);
            } catch (const Cancelled&) {
                cancelled.set();
                throw;
            }
            co_return name;
        });
        all[name] = std::move(worker);
        return *all[name];
    }
    Task<void> connect() {
        for (const auto& [name, worker] : all) co_await worker->connect();
    }
    std::map<std::string, std::unique_ptr<Client>> all;
    std::map<std::string, int> calls;
    Event hangs;
    Event cancelled;
};

TEST(NatsCast, is_one_message_for_all_workers_of_a_cluster) {
    auto body = []() -> Task<void> {
        const std::uint16_t monitor = NatsProcess::free_port();
        const std::vector<std::string> more = {"-m", std::to_string(monitor)};
        auto servers = co_await start_cluster(2, more);
        Crew crew(servers, 5);
        co_await crew.connect();
        Client caller(Options("caller").host(servers[0]->url()));
        // Whoever casts is not asked.
        caller.callback("who", [](std::string text) { return text; });
        auto conn = co_await caller.connect();
        co_await conn.wait_for_members(10s, "w0", "w1", "w2", "w3", "w4");
        const int before = co_await messages_from("caller", monitor);
        const std::vector<Serde> serdes = {Serde::pickle, Serde::json, Serde::msgpack};
        for (int i = 0; i < 100; ++i) {
            auto cast = conn.cast(10s).serde(serdes.at(static_cast<std::size_t>(i) % serdes.size()));
            const auto all = co_await std::move(cast).call<std::string>("who", "!" + std::to_string(i));
            EXPECT_THAT(all, ElementsAre(Key("w0"), Key("w1"), Key("w2"), Key("w3"), Key("w4")));
            for (const auto& [name, result] : all) EXPECT_EQ(result.value(), name + "!" + std::to_string(i));
        }
        const int after = co_await messages_from("caller", monitor);
        EXPECT_GE(after - before, 100);
        EXPECT_LE(after - before, 110);  // and what it says every 2 s: that it is there
        for (int i = 0; i < 50; ++i) EXPECT_EQ(conn.cast_nowait().call("who", "?"), 5u);
        const auto last = co_await conn.cast(10s).call<std::string>("who", "");
        EXPECT_THAT(last, SizeIs(5));
        EXPECT_THAT(crew.calls, ElementsAre(std::pair("w0", 151), std::pair("w1", 151), std::pair("w2", 151),
                                            std::pair("w3", 151), std::pair("w4", 151)));
        const int end = co_await messages_from("caller", monitor);
        EXPECT_LE(end - after, 60);
        // Many at a time, each with answers of its own.
        std::vector<Task<Answers<std::string>>> many;
        for (int i = 0; i < 50; ++i)
            many.push_back(conn.cast(10s).call<std::string>("who", std::to_string(i)));
        const auto answers = co_await gather(std::move(many));
        for (std::size_t i = 0; i < answers.size(); ++i)
            for (const auto& [name, result] : answers[i]) EXPECT_EQ(result.value(), name + std::to_string(i));
        // Those that are named are asked alone.
        const std::vector<std::string> named = {"w3", "w1"};
        auto some = conn.cast(10s).receivers(named);
        const auto two = co_await std::move(some).call<std::string>("who", "");
        EXPECT_THAT(two, ElementsAre(Key("w1"), Key("w3")));
        EXPECT_EQ(crew.calls["w0"], 201);
    };
    weft::testing::run(body(), 60s);
}

TEST(NatsCast, says_of_each_worker_what_became_of_it) {
    auto body = []() -> Task<void> {
        auto servers = co_await start_cluster(2);
        Crew crew(servers, 4);
        co_await crew.connect();
        Client caller(Options("caller").host(servers[0]->url()));
        auto conn = co_await caller.connect();
        co_await conn.wait_for_members(10s, "w0", "w1", "w2", "w3");
        // Too late.
        auto late = co_await conn.cast(300ms).call<std::string>("hang", "w2");
        EXPECT_THAT(late, SizeIs(4));
        EXPECT_EQ(late.at("w3").value(), "w3");
        EXPECT_THAT(error_in<CallTimeout>(late, "w2"), HasSubstr("from w2"));
        co_await crew.cancelled.wait();
        // Gone while it had the call.
        crew.hangs.clear();
        auto pending = spawn(conn.cast().call<std::string>("hang", "w1"), "cast");
        co_await crew.hangs.wait();
        crew.all.erase("w1");
        auto left = co_await std::move(pending);
        EXPECT_THAT(left, SizeIs(4));
        EXPECT_EQ(left.at("w0").value(), "w0");
        EXPECT_THAT(error_in<Disconnected>(left, "w1"), HasSubstr("left before it answered"));
        // Its callback failed.
        auto wrong = co_await conn.cast(5s).call<std::size_t>("size", 7);
        EXPECT_THAT(wrong, SizeIs(3));
        EXPECT_THAT(error_in<RemoteError>(wrong, "w0"), HasSubstr("TypeError"));
        // Dead, and still known: NATS is asked for it before its time is over.
        NatsTalker ghost = co_await NatsTalker::connect(servers[1]->port);
        co_await ghost.publish("weft.ev", R"(A0123456789abcdef{"meta":{"type":"client;weft=1","error":null},)"
                                          R"("members":[{"name":"gh.ost","methods":["who"]}]})");
        co_await conn.wait_for_members(10s, "gh.ost");
        auto dead = co_await timeout(2s, conn.cast().call<std::string>("who", ""));
        EXPECT_THAT(dead, ElementsAre(Key("gh.ost"), Key("w0"), Key("w2"), Key("w3")));
        EXPECT_THAT(error_in<ReceiverNotFound>(dead, "gh.ost"), HasSubstr("was not delivered"));
        EXPECT_EQ(dead.at("w3").value(), "w3");
        // The connection is lost with answers outstanding.
        crew.hangs.clear();
        crew.cancelled.clear();
        auto lost = spawn(conn.cast().call<std::string>("hang", "w2"), "lost");
        co_await crew.hangs.wait();
        servers[0]->kill();
        auto all = co_await std::move(lost);
        EXPECT_THAT(error_in<Disconnected>(all, "w2"), HasSubstr("the request was sent"));
        EXPECT_THAT(all, SizeIs(3));
        co_await crew.cancelled.wait();
    };
    weft::testing::run(body(), 60s);
}

TEST(NatsCast, is_left_alone_by_those_that_it_does_not_name) {
    auto body = []() -> Task<void> {
        std::vector<std::unique_ptr<NatsProcess>> servers;
        servers.push_back(co_await NatsProcess::start());
        Crew crew(servers, 3);
        co_await crew.connect();
        NatsTalker spy = co_await NatsTalker::connect(servers[0]->port);
        co_await spy.say("SUB weft.all.who 1\r\nPING\r\n");
        co_await spy.hear("PONG");
        Client caller(Options("caller").host(servers[0]->url()));
        auto conn = co_await caller.connect();
        co_await conn.wait_for_members(10s, "w0", "w1", "w2");
        const auto all = co_await conn.cast(10s).call<std::string>("who", "-");
        EXPECT_THAT(all, SizeIs(3));
        std::string heard = co_await spy.hear("w0|w1|w2\n");
        // One that joins when the message is on its way takes it, and does not answer.
        co_await crew.add("later", servers[0]->url()).connect();
        heard.erase(0, heard.find("MSG "));
        const std::size_t head = heard.find("\r\n") + 2;
        const auto size = static_cast<std::size_t>(std::stoi(heard.substr(heard.rfind(' ', head) + 1)));
        while (heard.size() < head + size) heard += co_await spy.hear("\r\n");
        co_await spy.publish("weft.all.who", heard.substr(head, size));
        auto again = [&]() -> Task<void> {
            while (crew.calls["w0"] < 2) co_await sleep(1ms);
        };
        co_await timeout(10s, again());
        co_await conn.wait_for_members(10s, "later");
        const auto four = co_await conn.cast(10s).call<std::string>("who", "+");
        EXPECT_THAT(four, SizeIs(4));
        EXPECT_EQ(crew.calls["later"], 1);
        EXPECT_EQ(crew.calls["w2"], 3);
    };
    weft::testing::run(body(), 60s);
}

TEST(NatsCast, goes_to_each_alone_when_it_is_too_large_for_a_message) {
    auto body = []() -> Task<void> {
        auto servers = co_await start_cluster(2);
        Crew crew(servers, 3);
        co_await crew.connect();
        Client caller(Options("caller").host(servers[0]->url()));
        auto conn = co_await caller.connect();
        co_await conn.wait_for_members(10s, "w0", "w1", "w2");
        const Bytes large(3'000'000, std::byte{1});
        for (const Serde serde : {Serde::msgpack, Serde::opaque}) {
            auto cast = conn.cast(20s).serde(serde);
            const auto sizes = co_await std::move(cast).call<Value>("size", large);
            EXPECT_THAT(sizes, SizeIs(3));
            for (const auto& [name, size] : sizes) EXPECT_TRUE(size.ok()) << name;
        }
        // Answers in parts, of all at the same time.
        const auto zeros = co_await conn.cast(20s).call<Bytes>("zeros", 3'000'000);
        EXPECT_THAT(zeros, SizeIs(3));
        for (const auto& [name, bytes] : zeros) EXPECT_EQ(bytes.value(), Bytes(3'000'000));
        EXPECT_THROW(conn.cast_nowait().call("size", large), EncodeError);
    };
    weft::testing::run(body(), 60s);
}

TEST(NatsCast, is_as_few_messages_as_hold_the_names) {
    auto body = []() -> Task<void> {
        const std::uint16_t monitor = NatsProcess::free_port();
        std::vector<std::unique_ptr<NatsProcess>> servers;
        const std::vector<std::string> more = {"-m", std::to_string(monitor)};
        servers.push_back(co_await NatsProcess::start(more));
        Crew crew(servers, 0);
        for (int i = 0; i < 70; ++i) crew.add(std::string(240, 'n') + std::to_string(i), servers[0]->url());
        co_await crew.connect();
        Client caller(Options("caller").host(servers[0]->url()));
        auto conn = co_await caller.connect();
        EXPECT_THAT(conn.members(), SizeIs(71));
        const int before = co_await messages_from("caller", monitor);
        const auto all = co_await conn.cast(20s).call<std::string>("who", "");
        EXPECT_THAT(all, SizeIs(70));
        for (const auto& [name, result] : all) EXPECT_EQ(result.value(), name);
        const int after = co_await messages_from("caller", monitor);
        EXPECT_GE(after - before, 2);
        EXPECT_LE(after - before, 4);
    };
    weft::testing::run(body(), 60s);
}

TEST(NatsCast, fails_for_all_where_it_may_not_be_published) {
    auto body = []() -> Task<void> {
        std::vector<std::unique_ptr<NatsProcess>> servers;
        servers.push_back(co_await NatsProcess::start(
            std::vector<std::string>(),
            "authorization { users = [ { user: boss, password: b },\n"
            "  { user: guest, password: g, permissions: { publish: { deny: \"weft.all.who\" } } } ] }"));
        Crew crew(servers, 0);
        for (const char* name : {"w0", "w1"}) crew.add(name, servers[0]->url("boss:b@"));
        co_await crew.connect();
        Client guest(Options("guest").host(servers[0]->url("guest:g@")));
        auto conn = co_await guest.connect();
        const auto all = co_await conn.cast(10s).call<std::string>("who", "");
        EXPECT_THAT(all, SizeIs(2));
        EXPECT_THAT(error_in<ReceiverNotFound>(all, "w0"), HasSubstr("publish to weft.all.who"));
        const auto others = co_await conn.cast(10s).call<std::string>("hang", "");
        EXPECT_EQ(others.at("w1").value(), "w1");
    };
    weft::testing::run(body(), 60s);
}

}  // namespace
}  // namespace weft::mesh
