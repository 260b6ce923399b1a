// The cases of bench/grpc, as its C++ clients see them.
//
// A program is started as `<program> server`, prints "port N" and serves until it is ended; or as a client:
// see measurement.hpp.
#pragma once

#include "measurement.hpp"

#include <cstdlib>
#include <string>

namespace bench {

// A BytesValue of 16 bytes on the wire is 14 bytes of value, one of 16 KiB is 16381.
class Case : public Measurement {
public:
    Case(const std::string& name, double seconds) : Measurement(seconds), name_(name) {}

    [[nodiscard]] bool unary() const {
        return name_ == "unary" || name_ == "unary100" || name_ == "large100";
    }
    [[nodiscard]] bool stream() const { return name_ == "stream"; }
    [[nodiscard]] bool idle() const { return name_ == "idle"; }
    [[nodiscard]] int in_flight() const { return name_ == "unary" ? 1 : 100; }
    [[nodiscard]] std::string value() const { return std::string(name_ == "large100" ? 16381 : 14, 'x'); }
    static constexpr int idle_streams = 10000;

    void begin_idle() { tell("begin"); }
    void end_idle() {
        std::printf("end %d 1 0\n", idle_streams);
        std::fflush(stdout);
    }

private:
    std::string name_;
};

}  // namespace bench
