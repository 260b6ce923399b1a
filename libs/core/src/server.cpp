#include <weft/core/join.hpp>
#include <weft/core/semaphore.hpp>
#include <weft/core/server.hpp>
#include <weft/core/spawn.hpp>
#include <weft/core/task_group.hpp>
#include <weft/core/timeout.hpp>
#include <weft/core/tls_stream.hpp>

#include <algorithm>

namespace weft {

// Held by the Server and by its serving task. The task's handle is here too: the cycle ends with the task,
// or when the Server drops the handle.
struct Server::State {
    State(ConnectionHandler h, const SocketAddress& address, ServerOptions&& o)
        : handler(std::move(h)),
          options(std::move(o)),
          listener(address, options.listen_),
          slots(std::max<std::size_t>(options.max_connections_, 1)) {}

    ConnectionHandler handler;
    ServerOptions options;
    Listener listener;
    Semaphore slots;
    std::size_t connections = 0;
    TaskHandle<void> task;
};

Server::Server(std::shared_ptr<State> state) noexcept : state_(std::move(state)) {}
Server::Server(Server&&) noexcept = default;
Server& Server::operator=(Server&& other) noexcept {
    std::swap(state_, other.state_);
    return *this;
}
Server::~Server() {
    if (!state_) return;
    state_->listener.close();
    state_->task = TaskHandle<void>();
}

const SocketAddress& Server::local_address() const noexcept { return state_->listener.local_address(); }
std::size_t Server::connections() const noexcept { return state_->connections; }

Task<void> Server::serve_one(std::shared_ptr<State> state, std::unique_ptr<Stream> stream, Permit) {
    struct Counted {
        explicit Counted(State& s) : state(s) { ++state.connections; }
        ~Counted() { --state.connections; }
        State& state;
    } counted(*state);
    const std::string peer = stream->peer();
    std::exception_ptr failure;
    try {
        if (state->options.tls_) {
            auto secured = co_await tls_accept(std::move(stream), *state->options.tls_);
            stream = std::move(secured);
        }
        Connection connection(std::move(stream), state->options.limits_);
        co_await state->handler(connection);
        connection.writer.close();
        co_await timeout(state->options.linger_, connection.writer.wait_closed());
    } catch (const Cancelled&) {
        throw;
    } catch (...) {
        failure = std::current_exception();
    }
    if (failure && state->options.on_error_) state->options.on_error_(peer, failure);
}

Task<void> Server::serve(std::shared_ptr<State> state) {
    const auto accept_all = [&](TaskGroup& group) -> Task<void> {
        try {
            for (;;) {
                auto permit = co_await state->slots.acquire();
                auto stream = co_await state->listener.accept();
                std::string name = "serve " + stream->peer();
                group.spawn(serve_one(state, std::move(stream), std::move(permit)), std::move(name));
            }
        } catch (const ClosedError&) {
            // drain(): no more come, and the group waits for those that are here.
        }
    };
    co_await with_task_group(accept_all);
}

Task<void> Server::join(std::shared_ptr<State> state) { co_await state->task; }

Task<void> Server::close() {
    state_->listener.close();
    state_->task.cancel();
    return stop(state_);
}

Task<void> Server::stop(std::shared_ptr<State> state) { co_await cancel_and_join(state->task); }

Task<void> Server::drain() {
    state_->listener.close();
    return join(state_);
}

Task<void> Server::wait_closed() { return join(state_); }

Server start_server(ConnectionHandler handler, const SocketAddress& address, ServerOptions options) {
    if (!handler) throw UsageError("start_server() without a handler");
    auto state = std::make_shared<Server::State>(std::move(handler), address, std::move(options));
    state->task = spawn(Server::serve(state), "server " + state->listener.local_address().to_string());
    return Server(std::move(state));
}

}  // namespace weft
