// The options that all commands of `weft mesh` share, and the values of their arguments.
#pragma once

#include <weft/core/timer.hpp>
#include <weft/mesh/options.hpp>
#include <weft/mesh/serde.hpp>
#include <weft/mesh/value.hpp>

#include <CLI/CLI.hpp>

#include <string>

namespace weft::tool {

struct MeshOptions {
    std::string at = "127.0.0.1:6001";
    std::string name;
    std::string token;
    std::string ca;
    std::string certificate;
    std::string key;
    std::string serde = "json";
    double timeout = 5;
    bool tls = false;
    bool insecure = false;
    bool metrics = false;  // of a router

    // Where to connect: --at, --token and what belongs to TLS.
    void add_to(CLI::App& command);
    // Whether --at is a NATS cluster, where there is no router to ask.
    [[nodiscard]] bool in_nats() const;
    // For a client; throws weft::Error.
    [[nodiscard]] mesh::Options client() const;
    // For a router, which listens at --at.
    [[nodiscard]] mesh::Options router() const;
    [[nodiscard]] Duration limit() const;
    [[nodiscard]] mesh::Serde serialiser() const;
};

// "42" is a number, "[1, 2]" a list, "{\"a\": 1}" a dictionary, "true" a flag; what is no JSON is a text.
[[nodiscard]] mesh::Value parse_argument(const std::string& text);
// As JSON where JSON can say it, as Python's repr() else.
[[nodiscard]] std::string show(const mesh::Value& value);

}  // namespace weft::tool
