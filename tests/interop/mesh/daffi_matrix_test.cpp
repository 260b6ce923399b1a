// Every call style in every serialiser, in each direction between daffi's nodes and weft's.
#include "python_node.hpp"

#include <weft/core.hpp>
#include <weft/mesh.hpp>
#include <weft/testing/co_test.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace weft::mesh {
namespace {

using namespace std::chrono_literals;

enum class Kind { none, weft, python };

// Who is who in one mesh. Without a router the worker is a service.
struct Direction {
    const char* name;
    Kind caller;
    Kind router;
    Kind worker;
};

// As peer.py's worker: what note() hears, noted() gives.
Callbacks note_keeper() {
    auto notes = std::make_shared<std::vector<std::string>>();
    Callbacks callbacks;
    callbacks.add("note", [notes](std::string text) {
        notes->push_back(text);
        return text;
    });
    callbacks.add("noted", [notes] {
        auto taken = std::exchange(*notes, {});
        std::sort(taken.begin(), taken.end());
        return taken;
    });
    return callbacks;
}

// A router or service, and the workers, each of its kind.
class Nodes {
public:
    Task<void> start(Direction direction) {
        if (direction.router == Kind::none) {
            workers = {"svc"};
            if (direction.worker == Kind::weft) {
                service_.emplace(Options("svc").workers(4), note_keeper());
                service_->start();
                port = service_->port();
            } else {
                port = free_port();
                auto node = co_await PythonNode::start("service", port, "svc");
                python_.push_back(std::move(node));
            }
            co_return;
        }
        if (direction.router == Kind::weft) {
            router_.emplace(Options("router"));
            router_->start();
            port = router_->port();
        } else {
            port = free_port();
            auto node = co_await PythonNode::start("router", port, "router");
            python_.push_back(std::move(node));
        }
        workers = {"w1", "w2"};
        for (const std::string& name : workers) {
            if (direction.worker == Kind::weft) {
                clients_.push_back(
                    std::make_unique<Client>(Options(name).port(port).workers(4), note_keeper()));
                co_await clients_.back()->connect();
            } else {
                const std::string role = name == "w1" ? "worker" : "async_worker";
                auto node = co_await PythonNode::start(role, port, name);
                python_.push_back(std::move(node));
            }
        }
    }
    std::uint16_t port = 0;
    std::vector<std::string> workers;

private:
    std::optional<Service> service_;
    std::optional<Router> router_;
    std::vector<std::unique_ptr<Client>> clients_;
    std::vector<std::unique_ptr<PythonNode>> python_;
};

enum class Style { rpc, cast, rpc_nowait, cast_nowait, stream, stream_nowait };
constexpr std::pair<Style, const char*> styles[] = {
    {Style::rpc, "rpc"},
    {Style::cast, "cast"},
    {Style::rpc_nowait, "rpc_nowait"},
    {Style::cast_nowait, "cast_nowait"},
    {Style::stream, "stream"},
    {Style::stream_nowait, "stream_nowait"},
};
constexpr std::pair<Serde, const char*> serialisers[] = {
    {Serde::pickle, "PICKLE"}, {Serde::json, "JSON"}, {Serde::msgpack, "MSGPACK"}, {Serde::opaque, "OPAQUE"}};

Task<std::vector<std::string>> notes_of(ClientConnection conn, std::string worker, std::size_t wanted) {
    std::vector<std::string> heard;
    for (int i = 0; i < 500; ++i) {
        const auto more =
            co_await conn.rpc(5s).serde(Serde::json).receiver(worker).call<std::vector<std::string>>("noted");
        heard.insert(heard.end(), more.begin(), more.end());
        if (heard.size() >= wanted) break;
        co_await sleep(10ms);
    }
    std::sort(heard.begin(), heard.end());
    co_return heard;
}

Task<void> call_in(ClientConnection conn, Style style, Serde serde, std::string mark,
                   std::vector<std::string> workers) {
    const std::string last = workers.back();
    const std::vector<std::string> items = {mark + " 0", mark + " 1", mark + " 2"};
    if (style == Style::rpc) {
        const auto said = co_await conn.rpc(5s).serde(serde).receiver(last).call<std::string>("note", mark);
        EXPECT_EQ(said, mark);
    } else if (style == Style::cast) {
        const auto said = co_await conn.cast(5s).serde(serde).call<std::string>("note", mark);
        EXPECT_EQ(said.size(), workers.size());
        for (const std::string& worker : workers) EXPECT_EQ(said.at(worker).value(), mark);
    } else if (style == Style::rpc_nowait) {
        conn.rpc_nowait().serde(serde).receiver(last).call("note", mark);
    } else if (style == Style::cast_nowait) {
        EXPECT_EQ(conn.cast_nowait().serde(serde).call("note", mark), workers.size());
    } else if (style == Style::stream) {
        const std::size_t sent = co_await conn.stream().serde(serde).receiver(last).call("note", items);
        EXPECT_EQ(sent, 3u);
    } else {
        EXPECT_EQ(conn.stream_nowait().serde(serde).receiver(last).call("note", items), 3u);
    }
    const bool everyone = style == Style::cast || style == Style::cast_nowait;
    const bool streamed = style == Style::stream || style == Style::stream_nowait;
    for (const std::string& worker : workers) {
        std::vector<std::string> wanted;
        if (everyone || worker == last) wanted = streamed ? items : std::vector<std::string>(1, mark);
        const auto heard = co_await notes_of(conn, worker, wanted.size());
        EXPECT_EQ(heard, wanted) << mark << " at " << worker;
    }
}

class Matrix : public ::testing::TestWithParam<Direction> {};

TEST_P(Matrix, has_every_style_in_every_serialiser) {
    auto body = [](Direction direction) -> Task<void> {
        Nodes mesh;
        co_await mesh.start(direction);
        if (direction.caller == Kind::python) {
            std::string names = mesh.workers[0];
            for (std::size_t i = 1; i < mesh.workers.size(); ++i) names += "," + mesh.workers[i];
            co_await expect_caller_ok("matrix_caller", mesh.port, names);
            co_await expect_caller_ok("async_matrix_caller", mesh.port, names);
            co_return;
        }
        Client client(Options("caller").port(mesh.port));
        auto conn = co_await client.connect();
        co_await conn.wait_for_members(mesh.workers, 20s);
        for (const auto& [serde, serde_name] : serialisers)
            for (const auto& [style, style_name] : styles)
                co_await call_in(conn, style, serde, std::string(serde_name) + " " + style_name,
                                 mesh.workers);
    };
    weft::testing::run(body(GetParam()), python_is_slow);
}

constexpr Direction directions[] = {
    {"python_weft_service", Kind::python, Kind::none, Kind::weft},
    {"python_weft_router_weft", Kind::python, Kind::weft, Kind::weft},
    {"python_weft_router_python", Kind::python, Kind::weft, Kind::python},
    {"python_python_router_weft", Kind::python, Kind::python, Kind::weft},
    {"weft_python_service", Kind::weft, Kind::none, Kind::python},
    {"weft_weft_router_python", Kind::weft, Kind::weft, Kind::python},
    {"weft_python_router_python", Kind::weft, Kind::python, Kind::python},
    {"weft_python_router_weft", Kind::weft, Kind::python, Kind::weft},
    {"weft_weft_service", Kind::weft, Kind::none, Kind::weft},
    {"weft_weft_router_weft", Kind::weft, Kind::weft, Kind::weft},
};

INSTANTIATE_TEST_SUITE_P(Directions, Matrix, ::testing::ValuesIn(directions),
                         [](const auto& one) { return std::string(one.param.name); });

}  // namespace
}  // namespace weft::mesh
