// Service: offers callbacks to clients that connect to it directly. daffi's Service, on its wire.
//
//     mesh::Service service(mesh::Options("calc-service").port(6001).workers(4));
//     service.callback("multiply", multiply);
//     service.start();
//     co_await service.join();
#pragma once

#include <weft/core/task.hpp>
#include <weft/mesh/callbacks.hpp>
#include <weft/mesh/member_event.hpp>
#include <weft/mesh/options.hpp>
#include <weft/mesh/stats.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace weft::mesh {

// Belongs to the loop on which it was started. Destroying it closes everything at once and cancels the
// callbacks that run.
class Service {
public:
    // Throws InitializationError.
    explicit Service(Options options, Callbacks callbacks = Callbacks());
    Service(Service&&) noexcept;
    Service& operator=(Service&&) noexcept;
    ~Service();

    // See Callbacks::add(). Clients that are connected are told.
    template <class F, class... Rest>
    void callback(std::string name, F&& function, Rest&&... rest) {
        callbacks_.add(std::move(name), std::forward<F>(function), std::forward<Rest>(rest)...);
    }

    // Listens. Throws InitializationError and SystemError.
    void start();
    [[nodiscard]] std::uint16_t port() const noexcept;
    [[nodiscard]] const std::string& name() const noexcept;

    // Waits until the service is stopped. Throws what made listening impossible.
    [[nodiscard]] Task<void> join();
    // Stops listening, cancels the callbacks, closes every connection, and waits until that is done.
    [[nodiscard]] Task<void> stop();
    // Stops listening, offers nothing any more (calls that come nevertheless get ReceiverNotFound), waits
    // until every call that has come is answered, then stop().
    [[nodiscard]] Task<void> drain();

    void on_member_added(std::function<void(std::string)> f);
    void on_member_removed(std::function<void(std::string)> f);
    void on_event(MemberHandler handler);

    // The names of the clients that are connected.
    [[nodiscard]] std::vector<std::string> members() const;
    [[nodiscard]] NodeStats stats() const;

private:
    class State;
    Callbacks callbacks_;
    std::shared_ptr<State> state_;
};

}  // namespace weft::mesh
