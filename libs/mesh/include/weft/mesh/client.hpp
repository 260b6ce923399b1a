// Client: connects to a Router or a Service, calls what others offer, and may offer callbacks itself.
// daffi's Client, on its wire.
//
//     mesh::Client client(mesh::Options("calc-caller").port(6001));
//     auto conn = co_await client.connect();
//     int product = co_await conn.rpc(5s).call<int>("multiply", 6, 7);
//     auto everyone = co_await conn.cast(5s).call<int>("multiply", 6, 7);   // name -> Result<int>
//     conn.rpc_nowait().call("log", "done");
#pragma once

#include <weft/core/task.hpp>
#include <weft/mesh/callbacks.hpp>
#include <weft/mesh/convert.hpp>
#include <weft/mesh/duplex.hpp>
#include <weft/mesh/error.hpp>
#include <weft/mesh/handshake.hpp>
#include <weft/mesh/member_event.hpp>
#include <weft/mesh/options.hpp>
#include <weft/mesh/stats.hpp>

#include <exception>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace weft::mesh {

// How a call picks its receiver among those that offer the function.
enum class Balance {
    // daffi's way: one counter for the whole connection. In a NATS cluster with several that offer it: the
    // choice is NATS' own, one of those that are there at that moment.
    round_robin,
    // The one with the fewest calls of this client in flight; round robin among equals.
    least_loaded,
};

// One receiver's outcome of a cast.
template <class T>
class Result {
public:
    explicit Result(T value) : data_(std::in_place_index<0>, std::move(value)) {}
    explicit Result(std::exception_ptr error) noexcept : data_(std::in_place_index<1>, std::move(error)) {}
    [[nodiscard]] bool ok() const noexcept { return data_.index() == 0; }
    [[nodiscard]] explicit operator bool() const noexcept { return ok(); }
    // Null when ok().
    [[nodiscard]] std::exception_ptr exception() const noexcept {
        return ok() ? std::exception_ptr() : std::get<1>(data_);
    }
    // The value; throws the error when there is none.
    [[nodiscard]] const T& value() const {
        if (!ok()) std::rethrow_exception(std::get<1>(data_));
        return std::get<0>(data_);
    }

private:
    std::variant<T, std::exception_ptr> data_;
};

namespace detail {

class ClientState;

struct CallSpec {
    CallSpec() {}
    std::vector<std::string> receivers;  // rpc: none or one; cast: none means everyone
    std::optional<Duration> limit;
    Serde serde = Serde::pickle;
    Balance balance = Balance::round_robin;
    unsigned retries = 0;
    std::string trace;
    std::shared_ptr<DuplexState> duplex;  // of a call that was made with open()
};

struct Invocation {
    Invocation(std::string f, std::vector<Value> p) : function(std::move(f)), positional(std::move(p)) {}
    std::string function;
    std::vector<Value> positional;
    Dict keyword;
    // In place of the only argument, when it is a large one that goes as it is: frames point to it.
    std::shared_ptr<const Value> body;
};

[[nodiscard]] Task<Value> call_one(std::shared_ptr<ClientState> state, CallSpec spec, Invocation invocation);
[[nodiscard]] Task<std::map<std::string, Result<Value>>> call_all(std::shared_ptr<ClientState> state,
                                                                  CallSpec spec, Invocation invocation);
void send_one(ClientState& state, const CallSpec& spec, const Invocation& invocation);
std::size_t send_all(ClientState& state, const CallSpec& spec, const Invocation& invocation);
// Begins a call with streams.
[[nodiscard]] Duplex open_duplex(std::shared_ptr<ClientState> state, CallSpec spec, std::size_t window,
                                 Invocation invocation);
// Picks the receiver of a stream, which stays the same for all of it.
[[nodiscard]] std::string pick(ClientState& state, const CallSpec& spec, const std::string& function);

template <class R>
Task<R> convert_result(Task<Value> call) {
    Value value = co_await std::move(call);
    if constexpr (!std::is_void_v<R>) co_return from_value<R>(std::move(value));
}

template <class R>
Task<std::map<std::string, Result<R>>> convert_results(Task<std::map<std::string, Result<Value>>> call) {
    auto values = co_await std::move(call);
    std::map<std::string, Result<R>> out;
    for (auto& [name, result] : values) {
        if (!result.ok()) {
            out.emplace(name, Result<R>(result.exception()));
            continue;
        }
        try {
            out.emplace(name, Result<R>(from_value<R>(Value(result.value()))));
        } catch (const ConversionError&) {
            out.emplace(name, Result<R>(std::current_exception()));
        }
    }
    co_return out;
}

template <class... Args>
Invocation make_invocation(std::string function, Args&&... args) {
    std::vector<Value> positional;
    positional.reserve(sizeof...(Args));
    (positional.push_back(to_value(std::forward<Args>(args))), ...);
    return Invocation(std::move(function), std::move(positional));
}

// What rpc(), cast() and stream() have in common.
template <class Derived>
class CallBuilder {
public:
    // PICKLE unless chosen otherwise, as in daffi. Streams: OPAQUE.
    Derived&& serde(Serde v) && { return spec_.serde = v, self(); }

protected:
    explicit CallBuilder(std::shared_ptr<ClientState> state) noexcept : state_(std::move(state)) {}
    Derived&& self() noexcept { return static_cast<Derived&&>(*this); }
    Derived&& to(std::string name) {
        spec_.receivers.clear();
        spec_.receivers.push_back(std::move(name));
        return self();
    }
    std::shared_ptr<ClientState> state_;
    CallSpec spec_;
};

}  // namespace detail

// One call to one receiver.
class Rpc : public detail::CallBuilder<Rpc> {
public:
    Rpc&& receiver(std::string name) && { return to(std::move(name)); }
    Rpc&& timeout(Duration v) && { return spec_.limit = v, self(); }
    Rpc&& balance(Balance v) && { return spec_.balance = v, self(); }
    // The function may run twice without harm: after a lost connection or receiver the call is made again, up
    // to `times`, within the same time limit (without one it waits 30 s for somebody who offers it).
    Rpc&& idempotent(unsigned times = 2) && { return spec_.retries = times, self(); }
    // W3C trace context for the callback. Without it, that of this task goes along: see traceparent().
    Rpc&& traceparent(std::string v) && { return spec_.trace = std::move(v), self(); }
    // Keyword arguments: `conn.rpc(5s).with("b", 7).call<int>("multiply", 6)`.
    template <class T>
    Rpc&& with(std::string name, T&& value) && {
        return keyword_.set(Value(std::move(name)), to_value(std::forward<T>(value))), self();
    }

    // Throws ReceiverNotFound and BusyError (nothing ran), RemoteError (the callback failed), CallTimeout,
    // Disconnected (see sent()), EncodeError, DecodeError and ConversionError. Cancelling gives up waiting
    // for the answer and cancels the callback of a weft node; one of daffi's runs on.
    template <class R = Value, class... Args>
    [[nodiscard]] Task<R> call(std::string function, Args&&... args) && {
        auto invocation = detail::make_invocation(std::move(function), std::forward<Args>(args)...);
        invocation.keyword = std::move(keyword_);
        return detail::convert_result<R>(detail::call_one(state_, std::move(spec_), std::move(invocation)));
    }
    // The same for arguments that are known only when the program runs.
    [[nodiscard]] Task<Value> invoke(detail::Invocation invocation) && {
        return detail::call_one(state_, std::move(spec_), std::move(invocation));
    }

private:
    friend class ClientConnection;
    using CallBuilder::CallBuilder;
    Dict keyword_;
};

// One call to every member that offers the function.
class Cast : public detail::CallBuilder<Cast> {
public:
    // Only these. One that does not offer the function has ReceiverNotFound in the result.
    Cast&& receivers(std::vector<std::string> names) && { return spec_.receivers = std::move(names), self(); }
    Cast&& timeout(Duration v) && { return spec_.limit = v, self(); }

    // Each member's value or error, by name. Throws ReceiverNotFound when there is nobody, Disconnected and
    // EncodeError when nothing could be sent.
    template <class R = Value, class... Args>
    [[nodiscard]] Task<std::map<std::string, Result<R>>> call(std::string function, Args&&... args) && {
        return detail::convert_results<R>(
            detail::call_all(state_, std::move(spec_),
                             detail::make_invocation(std::move(function), std::forward<Args>(args)...)));
    }
    // The same for arguments that are known only when the program runs.
    [[nodiscard]] Task<std::map<std::string, Result<Value>>> invoke(detail::Invocation invocation) && {
        return detail::call_all(state_, std::move(spec_), std::move(invocation));
    }

private:
    friend class ClientConnection;
    using CallBuilder::CallBuilder;
};

// One call whose result nobody wants. Sent before call() returns to the loop; nothing is awaited.
class RpcNowait : public detail::CallBuilder<RpcNowait> {
public:
    RpcNowait&& receiver(std::string name) && { return to(std::move(name)); }
    // Throws ReceiverNotFound, Disconnected, EncodeError, and BusyError when too much waits to be sent.
    template <class... Args>
    void call(std::string function, Args&&... args) && {
        detail::send_one(*state_, spec_,
                         detail::make_invocation(std::move(function), std::forward<Args>(args)...));
    }

private:
    friend class ClientConnection;
    using CallBuilder::CallBuilder;
};

class CastNowait : public detail::CallBuilder<CastNowait> {
public:
    CastNowait&& receivers(std::vector<std::string> names) && {
        return spec_.receivers = std::move(names), self();
    }
    // Gives how many members it was sent to. Throws as RpcNowait does.
    template <class... Args>
    std::size_t call(std::string function, Args&&... args) && {
        return detail::send_all(*state_, spec_,
                                detail::make_invocation(std::move(function), std::forward<Args>(args)...));
    }

private:
    friend class ClientConnection;
    using CallBuilder::CallBuilder;
};

// Gives values one by one: an object with `Task<std::optional<T>> next()`.
template <class S>
concept AsyncSource = requires(S& source) {
    { source.next() } -> std::same_as<Task<typename decltype(source.next())::value_type>>;
};

// A sequence, one message for each item, all to one receiver; the next is sent when the one before has been
// answered.
class StreamCall : public detail::CallBuilder<StreamCall> {
public:
    StreamCall&& receiver(std::string name) && { return to(std::move(name)); }
    // For each message.
    StreamCall&& timeout(Duration v) && { return spec_.limit = v, self(); }

    // `items`: a range of values, or an AsyncSource. Gives how many were sent; the answers are dropped.
    // Throws as Rpc::call(), at the first message that fails; those before have been answered.
    template <class Items>
    [[nodiscard]] Task<std::size_t> call(std::string function, Items items) && {
        return run<Items>(state_, std::move(spec_), std::move(function), std::move(items));
    }

private:
    friend class ClientConnection;
    explicit StreamCall(std::shared_ptr<detail::ClientState> state) noexcept : CallBuilder(std::move(state)) {
        spec_.serde = Serde::opaque;
    }
    template <class Items>
    static Task<std::size_t> run(std::shared_ptr<detail::ClientState> state, detail::CallSpec spec,
                                 std::string function, Items items) {
        spec.receivers.assign(1, detail::pick(*state, spec, function));
        std::size_t count = 0;
        if constexpr (AsyncSource<Items>) {
            for (;;) {
                auto item = co_await items.next();
                if (!item) break;
                auto invocation = detail::make_invocation(function, std::move(*item));
                co_await detail::call_one(state, spec, std::move(invocation));
                ++count;
            }
        } else {
            for (auto& item : items) {
                auto invocation = detail::make_invocation(function, std::move(item));
                co_await detail::call_one(state, spec, std::move(invocation));
                ++count;
            }
        }
        co_return count;
    }
};

class StreamNowait : public detail::CallBuilder<StreamNowait> {
public:
    StreamNowait&& receiver(std::string name) && { return to(std::move(name)); }
    // One message for each item, without answers. Throws as RpcNowait does.
    template <class Items>
    std::size_t call(const std::string& function, const Items& items) && {
        spec_.receivers.assign(1, detail::pick(*state_, spec_, function));
        std::size_t count = 0;
        for (const auto& item : items) {
            detail::send_one(*state_, spec_, detail::make_invocation(function, item));
            ++count;
        }
        return count;
    }

private:
    friend class ClientConnection;
    explicit StreamNowait(std::shared_ptr<detail::ClientState> state) noexcept
        : CallBuilder(std::move(state)) {
        spec_.serde = Serde::opaque;
    }
};

// A call with a stream of values in each direction while it runs: see duplex.hpp. Only to weft's nodes.
class OpenCall : public detail::CallBuilder<OpenCall> {
public:
    OpenCall&& receiver(std::string name) && { return to(std::move(name)); }
    // For the whole call.
    OpenCall&& timeout(Duration v) && { return spec_.limit = v, self(); }
    // Bytes that may wait here for next(). Default: 1 MiB.
    OpenCall&& window(std::size_t bytes) && { return window_ = bytes, self(); }
    // Begins the call; what goes wrong with it is thrown by the Duplex.
    template <class... Args>
    [[nodiscard]] Duplex call(std::string function, Args&&... args) && {
        return detail::open_duplex(state_, std::move(spec_), window_,
                                   detail::make_invocation(std::move(function), std::forward<Args>(args)...));
    }

private:
    friend class ClientConnection;
    using CallBuilder::CallBuilder;
    std::size_t window_ = std::size_t{1} << 20;
};

// What connect() gives; copies are the same connection. It may outlive its Client, and is then disconnected.
class ClientConnection {
public:
    // Without a limit a call waits for as long as the receiver is connected.
    [[nodiscard]] Rpc rpc() const { return Rpc(state_); }
    [[nodiscard]] Rpc rpc(Duration limit) const { return Rpc(state_).timeout(limit); }
    [[nodiscard]] Cast cast() const { return Cast(state_); }
    [[nodiscard]] Cast cast(Duration limit) const { return Cast(state_).timeout(limit); }
    [[nodiscard]] RpcNowait rpc_nowait() const { return RpcNowait(state_); }
    [[nodiscard]] CastNowait cast_nowait() const { return CastNowait(state_); }
    [[nodiscard]] StreamCall stream() const { return StreamCall(state_); }
    [[nodiscard]] StreamNowait stream_nowait() const { return StreamNowait(state_); }

    [[nodiscard]] OpenCall open() const { return OpenCall(state_); }

    // Asks a node about itself; without a name the router or service to which this is connected, which must
    // be weft's. `what`: "ping"; "methods" (name, parameters, whether it is a coroutine); "stats"; of a
    // router or service "members" (name, methods, address, whether it is weft's, calls in flight, bytes that
    // wait). Throws as Rpc::call().
    [[nodiscard]] Task<Value> inspect(std::string what, std::string node = std::string(),
                                      Duration limit = std::chrono::seconds(5)) const;

    // Waits until all of these are connected. Throws TimeoutError that names the missing ones.
    [[nodiscard]] Task<void> wait_for_members(std::vector<std::string> names, Duration limit) const;
    // `co_await conn.wait_for_members(30s, "worker-1", "worker-2");`
    template <class... Names>
        requires(std::is_convertible_v<Names, std::string_view> && ...)
    [[nodiscard]] Task<void> wait_for_members(Duration limit, Names... names) const {
        std::vector<std::string> all;
        (all.emplace_back(names), ...);
        return wait_for_members(std::move(all), limit);
    }
    // Waits until somebody offers the function. Throws TimeoutError.
    [[nodiscard]] Task<void> wait_for_method(std::string function, Duration limit) const;

    // Everyone that this client knows of, itself included when a router says so.
    [[nodiscard]] std::vector<Member> members() const;
    [[nodiscard]] bool connected() const noexcept;

private:
    friend class Client;
    explicit ClientConnection(std::shared_ptr<detail::ClientState> state) noexcept
        : state_(std::move(state)) {}
    std::shared_ptr<detail::ClientState> state_;
};

// Belongs to the loop on which it connects. Destroying it disconnects at once: calls in flight fail with
// Disconnected, callbacks that run are cancelled.
class Client {
public:
    // Throws InitializationError.
    explicit Client(Options options, Callbacks callbacks = Callbacks());
    Client(Client&&) noexcept;
    Client& operator=(Client&&) noexcept;
    ~Client();

    // See Callbacks::add(). Announced at once when the client is connected already; daffi's router cannot
    // take that, so the connection to it is made again.
    template <class F, class... Rest>
    void callback(std::string name, F&& function, Rest&&... rest) {
        callbacks_.add(std::move(name), std::forward<F>(function), std::forward<Rest>(rest)...);
    }

    // Connects and introduces itself. Throws SystemError, ResolveError, InitializationError (refused, with
    // the server's reason) and TimeoutError. A connection that is lost later is made again in the background.
    [[nodiscard]] Task<ClientConnection> connect();
    // Waits until stopped. Throws Evicted when another node took the name, Disconnected when the connection
    // is lost and reconnect() is off, InitializationError when it was never connected.
    [[nodiscard]] Task<void> join();
    // Writes what waits, disconnects, and waits until that is done.
    [[nodiscard]] Task<void> stop();
    // Offers nothing any more, waits until every call that has come is answered, then stop(). Callers behind
    // a router of weft's lose no call; behind one of daffi's, those that are on their way at the end.
    [[nodiscard]] Task<void> drain();

    // Other members, never this one.
    void on_member_added(std::function<void(std::string)> f);
    void on_member_removed(std::function<void(std::string)> f);
    void on_event(MemberHandler handler);

    [[nodiscard]] const std::string& name() const noexcept;
    [[nodiscard]] NodeStats stats() const;

private:
    Callbacks callbacks_;
    std::shared_ptr<detail::ClientState> state_;
};

}  // namespace weft::mesh
