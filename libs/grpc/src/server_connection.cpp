#include "server_state.hpp"

namespace weft::grpc::detail {

namespace {

http2::SessionOptions session_options(const ServerOptions& options) {
    http2::SessionOptions out;
    out.max_concurrent_streams = options.max_streams;
    return out;
}

}  // namespace

ServerConnection::ServerConnection(ServerState& server, std::unique_ptr<Stream> stream)
    : server_(server),
      session_(std::move(stream), http2::Role::server, *this, session_options(server.options())) {
    server.connection_added(*this);
}

// Handlers that still run are destroyed where they wait.
ServerConnection::~ServerConnection() {
    while (!calls_.empty()) delete &calls_.front();
}

http2::Exchange* ServerConnection::on_request() {
    // Streams that were reset but whose handlers still run count too: else a client could start work without
    // limit by resetting each stream at once (CVE-2023-44487).
    if (call_count_ >= server_.options().max_streams) return nullptr;
    auto* call = new ServerCall(*this);
    calls_.push_back(*call);
    ++call_count_;
    return call;
}

void ServerConnection::call_over(ServerCall& call) noexcept {
    delete &call;
    --call_count_;
    if (calls_.empty()) calls_ended_.set();
}

void ServerConnection::end_calls(const Status& status) noexcept {
    calls_.for_each([&status](ServerCall& call) { call.end(status); });
}

Task<void> ServerConnection::run() {
    co_await session_.run();
    calls_.for_each([](ServerCall& call) { call.connection_gone(); });
    // Every call has been closed and its handler cancelled; handlers may take their time to clean up.
    while (!calls_.empty()) {
        calls_ended_.clear();
        co_await calls_ended_.wait();
    }
}

}  // namespace weft::grpc::detail
