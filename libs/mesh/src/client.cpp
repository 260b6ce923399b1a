#include "client_state.hpp"
#include "inspect.hpp"

#include <weft/core/timeout.hpp>
#include <weft/mesh/client.hpp>

#include <algorithm>

namespace weft::mesh {

Client::Client(Options options, Callbacks callbacks)
    : callbacks_(std::move(callbacks)),
      state_(
          std::make_shared<detail::ClientState>(OptionsAccess(std::move(options)), callbacks_.registry())) {}
Client::Client(Client&&) noexcept = default;
Client& Client::operator=(Client&& other) noexcept {
    std::swap(state_, other.state_);
    std::swap(callbacks_, other.callbacks_);
    return *this;
}
Client::~Client() {
    if (!state_) return;
    state_->events.clear();
    state_->options.log_to = nullptr;
    state_->abort();
    // A callback may hold a connection of this very client; together they would never go.
    state_->registry = std::make_shared<detail::Registry>();
    state_->runner->release(state_->registry);
}

namespace {

Task<std::shared_ptr<detail::ClientState>> connected(std::shared_ptr<detail::ClientState> state) {
    co_await detail::ClientState::connect(state);
    co_return state;
}

}  // namespace

Task<ClientConnection> Client::connect() {
    auto state = co_await connected(state_);
    co_return ClientConnection(std::move(state));
}
Task<void> Client::join() { return detail::ClientState::join(state_); }
Task<void> Client::stop() { return detail::ClientState::stop(state_); }
Task<void> Client::drain() { return detail::ClientState::drain(state_); }
const std::string& Client::name() const noexcept { return state_->options.name; }
void Client::on_event(MemberHandler handler) { state_->events.add(std::move(handler)); }
void Client::on_member_added(std::function<void(std::string)> f) {
    on_event([f = std::move(f)](const MemberEvent& e) {
        if (e.kind == MemberEvent::Kind::joined) f(e.name);
    });
}
void Client::on_member_removed(std::function<void(std::string)> f) {
    on_event([f = std::move(f), state = state_.get()](const MemberEvent& e) {
        if (e.kind != MemberEvent::Kind::joined && e.name != state->options.name) f(e.name);
    });
}
NodeStats Client::stats() const {
    NodeStats out = state_->stats;
    out.node = state_->options.name;
    out.members = state_->members.size();
    state_->runner->add_stats(out);
    return out;
}

bool ClientConnection::connected() const noexcept { return state_->link != nullptr; }

std::vector<Member> ClientConnection::members() const {
    std::vector<const detail::ClientState::MemberEntry*> entries;
    for (const auto& [name, entry] : state_->members) entries.push_back(&entry);
    std::sort(entries.begin(), entries.end(),
              [](const auto* a, const auto* b) { return a->order < b->order; });
    std::vector<Member> out;
    for (const auto* entry : entries) out.push_back(entry->member);
    return out;
}

Task<Value> ClientConnection::inspect(std::string what, std::string node, Duration limit) const {
    detail::CallSpec spec;
    spec.receivers.push_back(std::move(node));
    spec.limit = limit;
    spec.serde = Serde::msgpack;
    return detail::call_one(state_, std::move(spec),
                            detail::Invocation(std::string(own_prefix) + what, std::vector<Value>()));
}

namespace {

Task<void> all_present(std::shared_ptr<detail::ClientState> state, std::vector<std::string> names) {
    const auto missing = [&] {
        return std::any_of(names.begin(), names.end(),
                           [&](const auto& n) { return !state->members.contains(n); });
    };
    while (missing()) co_await state->changed.wait();
}

Task<void> present_within(std::shared_ptr<detail::ClientState> state, std::vector<std::string> names,
                          Duration limit) {
    bool late = false;
    try {
        co_await timeout(limit, all_present(state, names));
    } catch (const TimeoutError&) {
        late = true;
    }
    if (!late) co_return;
    std::string text = "wait for members:";
    for (const std::string& name : names)
        if (!state->members.contains(name)) text += " " + name;
    throw TimeoutError(text + " did not join in time");
}

Task<void> offered(std::shared_ptr<detail::ClientState> state, std::string function) {
    while (state->candidates(function).empty()) co_await state->changed.wait();
}

Task<void> offered_within(std::shared_ptr<detail::ClientState> state, std::string function, Duration limit) {
    bool late = false;
    try {
        co_await timeout(limit, offered(state, function));
    } catch (const TimeoutError&) {
        late = true;
    }
    if (late) throw TimeoutError("nobody offered '" + function + "' in time");
}

}  // namespace

Task<void> ClientConnection::wait_for_members(std::vector<std::string> names, Duration limit) const {
    return present_within(state_, std::move(names), limit);
}
Task<void> ClientConnection::wait_for_method(std::string function, Duration limit) const {
    return offered_within(state_, std::move(function), limit);
}

}  // namespace weft::mesh
