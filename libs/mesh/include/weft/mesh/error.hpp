// What goes wrong in a mesh. Everything derives from weft::Error; CallTimeout is a weft::TimeoutError too.
#pragma once

#include <weft/core/error.hpp>
#include <weft/core/timer.hpp>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace weft::mesh {

class Error : public weft::Error {
public:
    using weft::Error::Error;
};

// A node could not be set up: a bad or doubled name, options that exclude each other, a handshake that the
// other side refused.
class InitializationError : public Error {
public:
    using Error::Error;
};

// A value has another type than the one asked for, or does not fit into it.
class ConversionError : public Error {
public:
    using Error::Error;
};

// A value cannot be written in the serialiser that was chosen.
class EncodeError : public Error {
public:
    using Error::Error;
};

// What a peer sent cannot be read. The message says where and why.
class DecodeError : public Error {
public:
    using Error::Error;
};

// Nobody (or not the named receiver) has announced the function. Nothing has run.
class ReceiverNotFound : public Error {
public:
    using Error::Error;
};

// The receiver's queue is full, or too many calls are in flight here. Nothing has run; try later.
class BusyError : public Error {
public:
    using Error::Error;
};

// The connection is lost, or was never there.
class Disconnected : public Error {
public:
    Disconnected(const std::string& what, bool sent,
                 std::source_location where = std::source_location::current())
        : Error(what, where), sent_(sent) {}
    // True when the request may have reached the other side; false when it certainly has not.
    [[nodiscard]] bool sent() const noexcept { return sent_; }

private:
    bool sent_;
};

// Another node took our name. The client does not connect again by itself.
class Evicted : public Disconnected {
public:
    using Disconnected::Disconnected;
};

// The remote callback failed.
class RemoteError : public Error {
public:
    // Thrown by a callback, it tells the caller `type` and `text` as they are.
    RemoteError(std::string type, std::string text);
    RemoteError(std::string peer, std::string function, std::string type, std::string module,
                std::string text, std::string traceback);

    // The exception's class ("ValueError"), its module ("builtins") and its text.
    [[nodiscard]] const std::string& type() const noexcept { return type_; }
    [[nodiscard]] const std::string& module() const noexcept { return module_; }
    [[nodiscard]] const std::string& text() const noexcept { return text_; }
    // Empty when the peer sent none that can be shown.
    [[nodiscard]] const std::string& traceback() const noexcept { return traceback_; }
    // The node on which it happened.
    [[nodiscard]] const std::string& peer() const noexcept { return peer_; }

private:
    std::string peer_;
    std::string type_;
    std::string module_;
    std::string text_;
    std::string traceback_;
};

// No answer within the call's time limit. The remote callback may have run.
class CallTimeout : public TimeoutError {
public:
    CallTimeout(std::string function, Duration limit, std::vector<std::string> receivers);
    [[nodiscard]] const std::string& function() const noexcept { return function_; }
    [[nodiscard]] Duration limit() const noexcept { return limit_; }
    // Whom the call went to; empty when it was not sent.
    [[nodiscard]] const std::vector<std::string>& receivers() const noexcept { return receivers_; }

private:
    std::string function_;
    Duration limit_;
    std::vector<std::string> receivers_;
};

}  // namespace weft::mesh
