// The mesh for code without coroutines: the same names, each call blocks. No logic of its own.
//
//     mesh::sync::Client client(mesh::Options("calc-caller").port(6001));
//     auto conn = client.connect();
//     int product = conn.rpc(5s).call<int>("multiply", 6, 7);
//
// A node works on the loop of the thread that made it (weft::SyncLoop) and belongs to that thread. A client's
// connection may be used from several: each has a connection of its own underneath, under another name.
// Between a node's calls nothing runs: callbacks and events wait for the next call, or for
// join(), which serves until the node is stopped. So these clients agree with weft's routers on no
// heartbeats, and one that blocks for long elsewhere may be given up when too much waits for it.
#pragma once

#include <weft/core/sync_wait.hpp>
#include <weft/core/timeout.hpp>
#include <weft/mesh/client.hpp>
#include <weft/mesh/router.hpp>
#include <weft/mesh/service.hpp>

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

namespace weft::mesh::sync {

namespace detail {

template <class F>
Task<std::invoke_result_t<F&>> on_loop(F& function) {
    if constexpr (std::is_void_v<std::invoke_result_t<F&>>) {
        function();
        co_return;
    } else {
        co_return function();
    }
}

// Runs a plain function inside of the loop, whose turn then ends: what it sent is written.
template <class F>
auto in_loop(const SyncLoop& loop, F function) {
    return loop.wait(on_loop(function));
}

// A call of mesh::ClientConnection, whose call() blocks.
template <class Call>
class Blocking {
public:
    Blocking(SyncLoop loop, Call call) noexcept : loop_(std::move(loop)), call_(std::move(call)) {}
    Blocking&& receiver(std::string name) && { return take(std::move(call_).receiver(std::move(name))); }
    Blocking&& receivers(std::vector<std::string> names) && {
        return take(std::move(call_).receivers(std::move(names)));
    }
    Blocking&& timeout(Duration v) && { return take(std::move(call_).timeout(v)); }
    Blocking&& serde(Serde v) && { return take(std::move(call_).serde(v)); }
    Blocking&& balance(Balance v) && { return take(std::move(call_).balance(v)); }
    Blocking&& idempotent(unsigned times = 2) && { return take(std::move(call_).idempotent(times)); }
    Blocking&& traceparent(std::string v) && { return take(std::move(call_).traceparent(std::move(v))); }
    template <class T>
    Blocking&& with(std::string name, T&& value) && {
        return take(std::move(call_).with(std::move(name), std::forward<T>(value)));
    }

    // As the asynchronous call of that name; its result, not a task.
    template <class R, class... Args>
    auto call(Args&&... args) && {
        return loop_.wait(std::move(call_).template call<R>(std::forward<Args>(args)...));
    }
    template <class... Args>
    auto call(Args&&... args) && {
        auto begin = [&] { return std::move(call_).call(std::forward<Args>(args)...); };
        using Result = decltype(begin());
        if constexpr (requires(Result& r) { std::move(r).operator co_await(); }) {
            return loop_.wait(begin());
        } else {
            return in_loop(loop_, begin);
        }
    }

private:
    // The setters of the call give itself back.
    Blocking&& take(Call&&) { return std::move(*this); }
    SyncLoop loop_;
    Call call_;
};

// One thread's connection.
struct ThreadConnection {
    ThreadConnection(SyncLoop l, mesh::ClientConnection c) noexcept
        : loop(std::move(l)), conn(std::move(c)) {}
    SyncLoop loop;
    mesh::ClientConnection conn;
};

// The connections of all threads to one client. The one of the thread that made it is the client's own;
// others are made at their thread's first call, and end with their thread, or at its next call after this was
// stopped.
class SharedClient {
public:
    SharedClient(Options options, std::string name);
    // By the thread that made this.
    void own(ThreadConnection own) { own_.emplace(std::move(own)); }
    // The calling thread's. Throws as mesh::Client::connect(), and Disconnected after stop().
    [[nodiscard]] ThreadConnection mine();
    [[nodiscard]] bool owner() const noexcept { return std::this_thread::get_id() == owner_; }
    void stop() noexcept { stopped_->store(true); }

private:
    const Options options_;
    const std::string name_;
    const std::thread::id owner_;
    const std::uint64_t number_;
    std::optional<ThreadConnection> own_;
    std::atomic<unsigned> threads_ = 1;
    // Known to the threads' clients, which may outlive this.
    const std::shared_ptr<std::atomic<bool>> stopped_ = std::make_shared<std::atomic<bool>>(false);
};

}  // namespace detail

// May be copied, and used from any thread. From another than that of its client, the first call connects this
// thread as "<name>#2" and so on: it is another caller to everyone else, offers no callbacks, and sees its
// own connection's members. A call on one thread never waits for another's.
class ClientConnection {
public:
    explicit ClientConnection(std::shared_ptr<detail::SharedClient> shared) noexcept
        : shared_(std::move(shared)) {}

    [[nodiscard]] auto rpc() const {
        auto [loop, conn] = shared_->mine();
        return detail::Blocking<Rpc>(std::move(loop), conn.rpc());
    }
    [[nodiscard]] auto rpc(Duration limit) const {
        auto [loop, conn] = shared_->mine();
        return detail::Blocking<Rpc>(std::move(loop), conn.rpc(limit));
    }
    [[nodiscard]] auto cast() const {
        auto [loop, conn] = shared_->mine();
        return detail::Blocking<Cast>(std::move(loop), conn.cast());
    }
    [[nodiscard]] auto cast(Duration limit) const {
        auto [loop, conn] = shared_->mine();
        return detail::Blocking<Cast>(std::move(loop), conn.cast(limit));
    }
    [[nodiscard]] auto rpc_nowait() const {
        auto [loop, conn] = shared_->mine();
        return detail::Blocking<RpcNowait>(std::move(loop), conn.rpc_nowait());
    }
    [[nodiscard]] auto cast_nowait() const {
        auto [loop, conn] = shared_->mine();
        return detail::Blocking<CastNowait>(std::move(loop), conn.cast_nowait());
    }
    [[nodiscard]] auto stream() const {
        auto [loop, conn] = shared_->mine();
        return detail::Blocking<StreamCall>(std::move(loop), conn.stream());
    }
    [[nodiscard]] auto stream_nowait() const {
        auto [loop, conn] = shared_->mine();
        return detail::Blocking<StreamNowait>(std::move(loop), conn.stream_nowait());
    }

    [[nodiscard]] Value inspect(std::string what, std::string node = std::string(),
                                Duration limit = std::chrono::seconds(5)) const {
        const auto [loop, conn] = shared_->mine();
        return loop.wait(conn.inspect(std::move(what), std::move(node), limit));
    }
    template <class... Names>
    void wait_for_members(Duration limit, Names... names) const {
        const auto [loop, conn] = shared_->mine();
        loop.wait(conn.wait_for_members(limit, std::move(names)...));
    }
    void wait_for_method(std::string function, Duration limit) const {
        const auto [loop, conn] = shared_->mine();
        loop.wait(conn.wait_for_method(std::move(function), limit));
    }
    // As of the last call. They connect a thread that is not yet.
    [[nodiscard]] std::vector<Member> members() const { return shared_->mine().conn.members(); }
    [[nodiscard]] bool connected() const { return shared_->mine().conn.connected(); }

private:
    std::shared_ptr<detail::SharedClient> shared_;
};

// Belongs to the thread that made it; the connection that connect() gives does not. stop() and the destructor
// end this thread's; other threads' calls fail with Disconnected from then on, those that wait for an answer
// get it still. Another thread's connection underneath ends at that thread's next call of any client's, or
// with the thread.
class Client {
public:
    explicit Client(Options options, Callbacks callbacks = Callbacks())
        : loop_(SyncLoop::of_this_thread()),
          client_(Options(options).heartbeat(Duration::zero()), std::move(callbacks)),
          shared_(std::make_shared<detail::SharedClient>(std::move(options), client_.name())) {}
    Client(Client&&) noexcept = default;
    Client& operator=(Client&& other) noexcept {
        std::swap(loop_, other.loop_);
        std::swap(client_, other.client_);
        std::swap(shared_, other.shared_);
        return *this;
    }
    ~Client() {
        if (shared_) shared_->stop();
    }

    template <class F, class... Rest>
    void callback(std::string name, F&& function, Rest&&... rest) {
        auto add = [&] {
            client_.callback(std::move(name), std::forward<F>(function), std::forward<Rest>(rest)...);
        };
        detail::in_loop(loop_, add);
    }
    [[nodiscard]] ClientConnection connect() {
        shared_->own(detail::ThreadConnection(loop_, loop_.wait(client_.connect())));
        return ClientConnection(shared_);
    }
    // Serves callbacks until another thread's or a callback's stop().
    void join() { loop_.wait(client_.join()); }
    void stop() {
        shared_->stop();
        loop_.wait(client_.stop());
    }
    void drain() {
        shared_->stop();
        loop_.wait(client_.drain());
    }
    void on_event(MemberHandler handler) { client_.on_event(std::move(handler)); }
    [[nodiscard]] const std::string& name() const noexcept { return client_.name(); }
    [[nodiscard]] NodeStats stats() const { return client_.stats(); }

private:
    SyncLoop loop_;
    mesh::Client client_;
    std::shared_ptr<detail::SharedClient> shared_;
};

namespace detail {

// A server's start, join and stop.
template <class Node>
class Server {
public:
    void start() {
        auto begin = [&] { node_.start(); };
        in_loop(loop_, begin);
    }
    // Serves until it is stopped, by one of its callbacks or event handlers.
    void join() { loop_.wait(node_.join()); }
    // Serves for so long.
    void join_for(Duration time) {
        auto serve = [](Node& node, Duration limit, bool& ended) -> Task<void> {
            try {
                co_await weft::timeout(limit, node.join());
                ended = true;
            } catch (const TimeoutError&) {
            }
        };
        bool ended = false;
        loop_.wait(serve(node_, time, ended));
    }
    void stop() { loop_.wait(node_.stop()); }
    void on_event(MemberHandler handler) { node_.on_event(std::move(handler)); }
    [[nodiscard]] std::uint16_t port() const noexcept { return node_.port(); }
    [[nodiscard]] const std::string& name() const noexcept { return node_.name(); }
    [[nodiscard]] auto members() const { return node_.members(); }
    [[nodiscard]] NodeStats stats() const { return node_.stats(); }

protected:
    template <class... Args>
    explicit Server(Args&&... args) : loop_(SyncLoop::of_this_thread()), node_(std::forward<Args>(args)...) {}
    SyncLoop loop_;
    Node node_;
};

}  // namespace detail

class Service : public detail::Server<mesh::Service> {
public:
    explicit Service(Options options, Callbacks callbacks = Callbacks())
        : Server(std::move(options), std::move(callbacks)) {}
    template <class F, class... Rest>
    void callback(std::string name, F&& function, Rest&&... rest) {
        auto add = [&] {
            node_.callback(std::move(name), std::forward<F>(function), std::forward<Rest>(rest)...);
        };
        detail::in_loop(loop_, add);
    }
    void drain() { loop_.wait(node_.drain()); }
};

class Router : public detail::Server<mesh::Router> {
public:
    explicit Router(Options options) : Server(std::move(options)) {}
};

}  // namespace weft::mesh::sync
