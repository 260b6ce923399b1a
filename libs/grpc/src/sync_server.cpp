#include <weft/core/error.hpp>
#include <weft/core/spawn.hpp>
#include <weft/core/timeout.hpp>
#include <weft/grpc/sync_server.hpp>

namespace weft::grpc::sync {

namespace {

Task<void> stop_it(std::shared_ptr<grpc::Server> server, Duration grace) { co_await server->stop(grace); }

}  // namespace

Server::Server(ServerOptions options)
    : loop_(SyncLoop::of_this_thread()), server_(std::make_shared<grpc::Server>(std::move(options))) {}

void Server::start() { loop_.wait(server_->start()); }
void Server::wait_for_termination() { loop_.wait(server_->wait_for_termination()); }

bool Server::wait_for_termination(Duration limit) {
    try {
        loop_.wait(timeout(limit, server_->wait_for_termination()));
        return true;
    } catch (const TimeoutError&) {
        return false;
    }
}

void Server::stop(Duration grace) { loop_.wait(server_->stop(grace)); }

void Server::request_stop(Duration grace) const {
    const std::weak_ptr<grpc::Server> weak = server_;
    loop_.loop().post([weak, grace] {
        auto server = weak.lock();
        if (!server) return;
        Loop& loop = Loop::current();
        weft::detail::start_task(loop, loop.root(), stop_it(std::move(server), grace), "grpc server stop")
            ->mark_retrieved();
    });
}

}  // namespace weft::grpc::sync
