// A server that is driven by blocking calls: for programs whose main() has no coroutines. Its handlers are
// coroutines all the same, or block on a pool (blocking.hpp).
//
//     grpc::sync::Server server;
//     server.add_service(echo);
//     int port = server.add_insecure_port("127.0.0.1:0");
//     server.start();
//     server.wait_for_termination();
#pragma once

#include <weft/core/sync_wait.hpp>
#include <weft/grpc/server.hpp>

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace weft::grpc::sync {

// As grpc::Server, method for method. It works on the loop of the thread that made it (weft::SyncLoop) and
// belongs to that thread, request_stop() apart. It serves while that thread is inside of a blocking member of
// any of weft's sync APIs, and stands still in between: wait_for_termination() is the place for it.
class Server {
public:
    // Throws UsageError inside a running loop.
    explicit Server(ServerOptions options = ServerOptions());
    Server(Server&&) noexcept = default;
    Server& operator=(Server&&) noexcept = default;
    ~Server() = default;

    void add_service(Service& service) { server_->add_service(service); }
    void add_generic_handler(GenericHandler& handler) { server_->add_generic_handler(handler); }
    int add_insecure_port(std::string_view address) { return server_->add_insecure_port(address); }
    int add_secure_port(std::string_view address, const TlsContext& tls) {
        return server_->add_secure_port(address, tls);
    }
    int add_secure_port(std::string_view address, const TlsContext& tls, TlsRenewal& renewal) {
        return server_->add_secure_port(address, tls, renewal);
    }

    void start();
    // Serves until it is stopped: by request_stop(), for stop() waits for this thread itself.
    void wait_for_termination();
    // The same for `limit` at most; false when it is over first.
    [[nodiscard]] bool wait_for_termination(Duration limit);
    void stop(Duration grace = Duration::zero());
    // From any thread, and from a handler: begins stop(grace), which happens inside of
    // wait_for_termination().
    void request_stop(Duration grace = Duration::zero()) const;

    [[nodiscard]] std::size_t active_calls() const noexcept { return server_->active_calls(); }
    [[nodiscard]] std::vector<std::string> services() const { return server_->services(); }

private:
    SyncLoop loop_;
    std::shared_ptr<grpc::Server> server_;
};

}  // namespace weft::grpc::sync
