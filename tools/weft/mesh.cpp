// weft mesh: look into a mesh, call what its nodes offer, run a router.
#include "command.hpp"
#include "mesh_options.hpp"
#include "run_program.hpp"
#include "text.hpp"

#include <weft/core.hpp>
#include <weft/mesh.hpp>

#include <algorithm>
#include <functional>
#include <iostream>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace weft::tool {

namespace {

struct MeshCommand : MeshOptions {
    std::string function;
    std::vector<std::string> arguments;
    std::vector<std::string> keywords;
    std::vector<std::string> receivers;
    std::string node;
    double interval = 1;
    unsigned count = 0;
    bool nowait = false;
    bool quiet = false;
    bool by_method = false;
};
using Command = std::shared_ptr<MeshCommand>;

std::string number_of(const mesh::Value& row, std::string_view key) {
    const auto* dict = row.get_if<mesh::Dict>();
    const mesh::Value* found = dict ? dict->find(key) : nullptr;
    return found ? found->to_string() : "-";
}

// What a node says of itself; null when it cannot: one of daffi's, or one that has just left.
Task<mesh::Value> ask(mesh::ClientConnection conn, std::string what, std::string node, Duration limit) {
    try {
        co_return co_await conn.inspect(what, node, limit);
    } catch (const weft::Error&) {
    }
    co_return mesh::Value();
}

Task<int> members(Command command) {
    mesh::Client client(command->client());
    auto conn = co_await client.connect();
    mesh::Value rows;
    if (!command->in_nats()) rows = co_await ask(conn, "members", "", command->limit());
    const std::string kind = command->in_nats() ? "weft" : "?";  // only weft's nodes know NATS
    std::map<std::string, mesh::Value> told;
    if (const auto* list = rows.get_if<mesh::List>())
        for (const mesh::Value& row : list->items) told.emplace(row.at("name").as<std::string>(), row);
    std::size_t width = 4;
    const auto all = conn.members();
    for (const auto& member : all)
        if (member.name != client.name()) width = std::max(width, member.name.size());
    std::cout << left("NAME", width) << "  " << left("METHODS", 7) << "  " << left("KIND", 5) << "  "
              << right("IN FLIGHT", 9) << "  " << right("QUEUED", 8) << "  ADDRESS\n";
    for (const auto& member : all) {
        if (member.name == client.name()) continue;
        const auto found = told.find(member.name);
        const mesh::Value row = found == told.end() ? mesh::Value() : found->second;
        const bool known = !row.is_null();
        std::cout << left(member.name, width) << "  " << right(std::to_string(member.methods.size()), 7)
                  << "  "
                  << left(!known                      ? kind
                          : row.at("weft").as<bool>() ? "weft"
                                                      : "daffi",
                          5)
                  << "  " << right(number_of(row, "in_flight"), 9) << "  "
                  << right(number_of(row, "queued"), 8) << "  "
                  << (known ? row.at("address").as<std::string>() : "-") << "\n";
    }
    co_await client.stop();
    co_return 0;
}

std::string signature(const mesh::Value& method) {
    std::string out = method.at("name").as<std::string>() + "(";
    const auto parameters = method.at("parameters").as<std::vector<std::string>>();
    for (std::size_t i = 0; i < parameters.size(); ++i) out += (i ? ", " : "") + parameters[i];
    return out + ")";
}

Task<int> methods(Command command) {
    mesh::Client client(command->client());
    auto conn = co_await client.connect();
    bool found = false;
    const auto all = conn.members();
    for (const auto& member : all) {
        if (member.methods.empty() || (!command->node.empty() && member.name != command->node)) continue;
        found = true;
        std::cout << member.name << "\n";
        const mesh::Value told = co_await ask(conn, "methods", member.name, command->limit());
        if (const auto* list = told.get_if<mesh::List>()) {
            for (const mesh::Value& method : list->items) std::cout << "  " << signature(method) << "\n";
        } else {
            for (const std::string& name : member.methods) std::cout << "  " << name << "(...)\n";
        }
    }
    co_await client.stop();
    if (!found)
        std::cerr << "weft: " << (command->node.empty() ? "nobody" : "'" + command->node + "'")
                  << " offers anything at " << command->at << "\n";
    co_return found ? 0 : failed;
}

std::vector<mesh::Value> positional(const MeshCommand& command) {
    std::vector<mesh::Value> out;
    for (const std::string& text : command.arguments)
        out.push_back(command.serialiser() == mesh::Serde::opaque ? mesh::Value(text) : parse_argument(text));
    return out;
}

mesh::detail::Invocation invocation(const MeshCommand& command) {
    mesh::detail::Invocation out(command.function, positional(command));
    for (const std::string& keyword : command.keywords) {
        const std::size_t equals = keyword.find('=');
        if (equals == std::string::npos || equals == 0)
            throw UsageError("-k '" + keyword + "': it is NAME=VALUE");
        out.keyword.set(mesh::Value(keyword.substr(0, equals)), parse_argument(keyword.substr(equals + 1)));
    }
    return out;
}

Task<int> call(Command command) {
    mesh::Client client(command->client());
    auto conn = co_await client.connect();
    auto rpc = conn.rpc(command->limit()).serde(command->serialiser());
    if (!command->receivers.empty()) {
        // Not into itself: a vector that is moved to itself is empty.
        auto pinned = std::move(rpc).receiver(command->receivers[0]);
        rpc = std::move(pinned);
    }
    int status = 0;
    try {
        const mesh::Value result = co_await std::move(rpc).invoke(invocation(*command));
        std::cout << show(result) << std::endl;
    } catch (const mesh::Error& error) {
        std::cerr << "weft: " << error.what() << "\n";
        status = failed;
    } catch (const TimeoutError& error) {
        std::cerr << "weft: " << error.what() << "\n";
        status = failed;
    }
    co_await client.stop();
    co_return status;
}

Task<int> cast(Command command) {
    mesh::Client client(command->client());
    auto conn = co_await client.connect();
    auto all = conn.cast(command->limit()).serde(command->serialiser()).receivers(command->receivers);
    int status = 0;
    std::map<std::string, mesh::Result<mesh::Value>> results;
    try {
        results = co_await std::move(all).invoke(invocation(*command));
    } catch (const mesh::Error& error) {
        std::cerr << "weft: " << error.what() << "\n";
        status = failed;
    }
    for (const auto& [name, result] : results) {
        if (result.ok()) {
            std::cout << name << "  " << show(result.value()) << "\n";
            continue;
        }
        status = failed;
        try {
            std::rethrow_exception(result.exception());
        } catch (const std::exception& error) {
            std::cout << name << "  failed: " << error.what() << "\n";
        }
    }
    co_await client.stop();
    co_return status;
}

struct Counts {
    std::uint64_t calls = 0;
    std::uint64_t errors = 0;
    std::uint64_t busy = 0;  // of the errors: they took no time
    double seconds = 0;

    void add(const Counts& more) {
        calls += more.calls;
        errors += more.errors;
        busy += more.busy;
        seconds += more.seconds;
    }
};

// By node, or by node and method.
using Row = std::pair<std::string, std::string>;
using Table = std::map<Row, Counts>;

// Adds what `node` ("": the router) has counted.
Task<void> count(mesh::ClientConnection conn, std::string node, Command command, Table& table) {
    const mesh::Value stats = co_await ask(conn, "stats", node, command->limit());
    const auto* dict = stats.get_if<mesh::Dict>();
    const mesh::Value* methods = dict ? dict->find("methods") : nullptr;
    const auto* each = methods ? methods->get_if<mesh::Dict>() : nullptr;
    if (!node.empty() && !command->by_method) table[Row(node, "")];  // there, and of daffi's or without calls
    if (!each) co_return;
    if (node.empty()) {
        node = stats.at("node").as<std::string>();
        if (table.contains(Row(node, ""))) co_return;  // a service, which is its own router
        if (!command->by_method) table[Row(node, "")];
    }
    Table told;
    for (const auto& entry : each->entries) {
        Counts counts;
        counts.calls = entry.value.at("calls").as<std::uint64_t>();
        counts.errors = entry.value.at("errors").as<std::uint64_t>();
        counts.busy = entry.value.at("busy").as<std::uint64_t>();
        counts.seconds = entry.value.at("seconds").as<double>();
        told[Row(node, command->by_method ? entry.key.as<std::string>() : "")].add(counts);
    }
    // Once, whichever way it was asked.
    for (const auto& [row, counts] : told) table[row] = counts;
}

std::string decimal(double value, int digits) {
    char text[32];
    std::snprintf(text, sizeof text, "%.*f", digits, value);
    return text;
}

void print(const Table& before, const Table& now, const MeshCommand& command) {
    std::size_t width = 22;
    if (command.by_method)
        for (const auto& [row, counts] : now) width = std::max(width, row.second.size());
    std::cout << left("NAME", 24);
    if (command.by_method) std::cout << left("METHOD", width + 2);
    std::cout << right("CALLS/S", 12) << right("ERRORS/S", 12) << right("MEAN MS", 12) << right("CALLS", 14)
              << "\n";
    for (const auto& [row, counts] : now) {
        const auto found = before.find(row);
        const Counts old = found == before.end() ? Counts() : found->second;
        const auto since = [](std::uint64_t a, std::uint64_t b) {
            return static_cast<double>(b - std::min(a, b));
        };
        const double calls = since(old.calls, counts.calls);
        const double timed = calls - since(old.busy, counts.busy);
        std::cout << left(row.first, 24);
        if (command.by_method) std::cout << left(row.second.empty() ? "(others)" : row.second, width + 2);
        std::cout << right(decimal(calls / command.interval, 1), 12)
                  << right(decimal(since(old.errors, counts.errors) / command.interval, 1), 12)
                  << right(timed > 0 ? decimal((counts.seconds - old.seconds) / timed * 1e3, 3) : "-", 12)
                  << right(std::to_string(counts.calls), 14) << "\n";
    }
    std::cout << std::endl;
}

Task<int> top(Command command) {
    mesh::Client client(command->client());
    auto conn = co_await client.connect();
    Table before;
    const auto pause = std::chrono::duration_cast<Duration>(std::chrono::duration<double>(command->interval));
    for (unsigned round = 0;; ++round) {
        const auto all = conn.members();
        Table now;
        for (const auto& member : all)
            if (!member.methods.empty()) co_await count(conn, member.name, command, now);
        co_await count(conn, "", command, now);
        if (round > 0) print(before, now, *command);
        if (command->count != 0 && round >= command->count) break;
        before = std::move(now);
        co_await sleep(pause);
    }
    co_await client.stop();
    co_return 0;
}

Task<int> router(Command command) {
    auto log = [](std::string_view line) { std::cerr << line << std::endl; };
    mesh::Options options = command->router();
    if (!command->quiet) options = mesh::Options(std::move(options)).on_log(log);
    mesh::Router router(std::move(options));
    router.start();
    std::cout << router.name() << " listens at " << command->at.substr(0, command->at.rfind(':'));
    if (router.port() != 0) std::cout << ":" << router.port();
    std::cout << std::endl;
    co_await router.join();
    co_return 0;
}

void add(CLI::App& mesh, const Command& command, int& status, const char* name, const char* help,
         Task<int> (*body)(Command), const std::function<void(CLI::App&)>& options) {
    auto* sub = mesh.add_subcommand(name, help);
    options(*sub);
    command->add_to(*sub);
    sub->callback([command, body, &status] {
        int result = cannot_run;
        auto main = [](Command c, Task<int> (*f)(Command), int& out) -> Task<void> { out = co_await f(c); };
        const int ended = run_program(main(command, body, result));
        status = ended != 0 ? ended : result;
    });
}

}  // namespace

void add_mesh_command(CLI::App& app, int& status) {
    auto* mesh =
        app.add_subcommand("mesh",
                           "Look into a mesh of weft's or daffi's nodes, call what they offer, run a router\n"
                           "  weft mesh router --at 0.0.0.0:6001\n"
                           "  weft mesh members\n"
                           "  weft mesh call multiply 6 7\n"
                           "  weft mesh call greet -k name=Ada --receiver worker-1\n"
                           "  weft mesh cast reload\n"
                           "  weft mesh members --at nats://one,two:4333/lab\n"
                           "Each is a client of its own, which the others see come and go. The place can "
                           "stand in WEFT_MESH_AT.\n"
                           "Exit status: 0 done, 1 the call failed or nobody offers it, 2 no connection or a "
                           "wrong command line.");
    mesh->require_subcommand(1);
    auto command = std::make_shared<MeshCommand>();
    const auto timing = [command](CLI::App& sub) {
        sub.add_option("--timeout", command->timeout, "Seconds to wait for an answer")
            ->capture_default_str()
            ->check(CLI::Range(0.001, 86400.0));
    };
    const auto calling = [command, timing](CLI::App& sub) {
        sub.add_option("function", command->function, "What to call")->required();
        sub.add_option(
            "arguments", command->arguments,
            "Its arguments: JSON where it is JSON (42, true, null, [1, 2], '{\"a\": 1}'), text else");
        sub.add_option("-k,--keyword", command->keywords, "An argument by name: NAME=VALUE");
        sub.add_option("--serde", command->serde, "How values travel")
            ->capture_default_str()
            ->check(CLI::IsMember({"json", "msgpack", "pickle", "opaque"}));
        timing(sub);
    };
    add(*mesh, command, status, "members",
        "Who is connected: one line each, with how many methods it offers, whose kind it is, how many calls "
        "it\n"
        "has to answer, and the bytes that wait for it. A router of daffi's tells names and methods only, "
        "and "
        "so\n"
        "do nodes at NATS.",
        members, timing);
    add(*mesh, command, status, "methods", "What the nodes offer; of weft's nodes with the parameters' names",
        methods, [command, timing](CLI::App& sub) {
            sub.add_option("node", command->node, "Only this one");
            timing(sub);
        });
    add(*mesh, command, status, "call", "Call a function at one node, and print the result as JSON", call,
        [command, calling](CLI::App& sub) {
            calling(sub);
            sub.add_option("-r,--receiver", command->receivers, "The node; else one that offers it, in turn")
                ->expected(1);
        });
    add(*mesh, command, status, "cast",
        "Call a function at every node that offers it: one line each, its name and its result", cast,
        [command, calling](CLI::App& sub) {
            calling(sub);
            sub.add_option("-r,--receiver", command->receivers, "Only these nodes")->expected(1, 1000);
        });
    add(*mesh, command, status, "top",
        "What weft's workers and router do, again and again: calls and errors a second, time a call (of a\n"
        "router, from forwarding a request to forwarding its answer)",
        top, [command, timing](CLI::App& sub) {
            sub.add_option("-i,--interval", command->interval, "Seconds between two looks")
                ->capture_default_str()
                ->check(CLI::Range(0.05, 3600.0));
            sub.add_flag("-m,--methods", command->by_method, "A line for each method of a node");
            sub.add_option("-n,--count", command->count, "How often; 0: until Ctrl-C")->capture_default_str();
            timing(sub);
        });
    add(*mesh, command, status, "router",
        "Run a router at --at until Ctrl-C. Port 0 lets the kernel choose; the first line of output says "
        "which.\n"
        "With --cert and --key it speaks TLS, with --ca it lets in only clients whose certificate that "
        "signed.",
        router, [command](CLI::App& sub) {
            sub.add_option("--name", command->name, "Its name")->capture_default_str();
            sub.add_flag("-q,--quiet", command->quiet, "Do not tell who comes and goes");
            sub.add_flag("--metrics", command->metrics, "Answer GET /metrics with counters, for Prometheus");
        });
}

}  // namespace weft::tool
