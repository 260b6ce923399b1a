#include <weft/mesh/error.hpp>
#include <weft/mesh/sync.hpp>

#include <unordered_map>

namespace weft::mesh::sync::detail {

namespace {

// A thread's client that stands behind another thread's.
struct ThreadClient {
    ThreadClient(SyncLoop l, mesh::Client c, std::shared_ptr<const std::atomic<bool>> s) noexcept
        : loop(std::move(l)), client(std::move(c)), stopped(std::move(s)) {}
    SyncLoop loop;  // outlives the client
    mesh::Client client;
    std::shared_ptr<const std::atomic<bool>> stopped;  // the one behind which it stands
    std::optional<mesh::ClientConnection> conn;
};

using Clients = std::unordered_map<std::uint64_t, std::unique_ptr<ThreadClient>>;

// This thread's, by SharedClient; they go with the thread.
Clients& clients_of_this_thread() {
    thread_local Clients clients;
    return clients;
}

// Numbers are never used again, so that no thread takes an old client's for a new one's.
std::uint64_t new_number() {
    static std::atomic<std::uint64_t> last = 0;
    return ++last;
}

}  // namespace

SharedClient::SharedClient(Options options, std::string name)
    : options_(std::move(options)),
      name_(std::move(name)),
      owner_(std::this_thread::get_id()),
      number_(new_number()) {}

ThreadConnection SharedClient::mine() {
    if (owner()) {
        if (!own_) throw Disconnected(name_ + " was never connected: call connect()", false);
        return *own_;
    }
    Clients& clients = clients_of_this_thread();
    // A pool's thread outlives many clients.
    std::erase_if(clients, [](const auto& entry) { return entry.second->stopped->load(); });
    if (stopped_->load()) throw Disconnected(name_ + " was stopped by its thread", false);
    auto& slot = clients[number_];
    if (!slot || !slot->conn) {
        // Its log and its callbacks are the first thread's. The name stays when connecting is tried again.
        if (!slot)
            slot = std::make_unique<ThreadClient>(
                SyncLoop::of_this_thread(),
                mesh::Client(Options(options_)
                                 .name(name_ + "#" + std::to_string(++threads_))
                                 .heartbeat(Duration::zero())
                                 .on_log(nullptr)),
                stopped_);
        slot->conn.emplace(slot->loop.wait(slot->client.connect()));
    }
    return ThreadConnection(slot->loop, *slot->conn);
}

}  // namespace weft::mesh::sync::detail
