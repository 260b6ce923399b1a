// Router: forwards calls between clients. daffi's Router, on its wire.
//
//     mesh::Router router(mesh::Options("calc-router").host("127.0.0.1").port(6001));
//     router.start();
//     co_await router.join();
#pragma once

#include <weft/core/task.hpp>
#include <weft/mesh/handshake.hpp>
#include <weft/mesh/member_event.hpp>
#include <weft/mesh/options.hpp>
#include <weft/mesh/stats.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace weft::mesh {

// Belongs to the loop on which it was started. Destroying it closes everything at once.
//
// Unlike daffi's, it answers what it cannot deliver (ReceiverNotFound), tells callers when the worker that
// had their call is gone, delivers only answers that somebody waits for, gives up peers that do not read
// without letting anyone else wait, and takes a second handshake on one connection as an update.
class Router {
public:
    // Throws InitializationError.
    explicit Router(Options options);
    Router(Router&&) noexcept;
    Router& operator=(Router&&) noexcept;
    ~Router();

    // Listens. Throws InitializationError and SystemError.
    void start();
    [[nodiscard]] std::uint16_t port() const noexcept;
    [[nodiscard]] const std::string& name() const noexcept;

    // Waits until the router is stopped. Throws what made listening impossible.
    [[nodiscard]] Task<void> join();
    // Stops listening and closes every connection, then waits until that is done. May be repeated.
    [[nodiscard]] Task<void> stop();

    void on_member_added(std::function<void(std::string)> f);
    void on_member_removed(std::function<void(std::string)> f);
    void on_event(MemberHandler handler);

    // In the order of joining.
    [[nodiscard]] std::vector<Member> members() const;
    [[nodiscard]] NodeStats stats() const;

private:
    class State;
    std::shared_ptr<State> state_;
};

}  // namespace weft::mesh
