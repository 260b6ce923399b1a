// The cases of bench/mesh, as its C++ programs see them.
//
// Servers print "port N" when they listen, workers "ready"; the roles are in `run`. A client: see
// measurement.hpp.
#pragma once

#include "measurement.hpp"

#include <cstdio>
#include <cstdlib>
#include <string>

namespace bench {

class Case : public Measurement {
public:
    Case(const std::string& name, double seconds) : Measurement(seconds), name_(name) {}

    [[nodiscard]] const std::string& name() const { return name_; }
    // "flight": on one connection; "callers": each on its own.
    [[nodiscard]] bool flight() const { return name_ == "flight"; }
    [[nodiscard]] bool callers() const { return name_ == "callers"; }
    [[nodiscard]] bool cast() const { return name_ == "cast"; }
    static constexpr int in_flight = 200;
    static constexpr int cast_callers = 3;
    static constexpr int cast_workers = 50;
    // Of an OPAQUE message: that of the order as JSON, or the mebibytes of "large16".
    [[nodiscard]] std::size_t bytes() const {
        constexpr std::size_t order = 2019;
        return large() ? static_cast<std::size_t>(std::atoi(name_.c_str() + 5)) << 20 : order;
    }
    [[nodiscard]] bool large() const { return name_.starts_with("large"); }

private:
    std::string name_;
};

inline void tell_port(int port) {
    std::printf("port %d\n", port);
    std::fflush(stdout);
}

}  // namespace bench
