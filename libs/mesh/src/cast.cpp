// Casts: a call to each router's member that offers a function; in a NATS cluster one message for all of
// them.
#include "client_state.hpp"
#include "nats_stream.hpp"

#include <weft/core/gather.hpp>

#include <algorithm>
#include <deque>

namespace weft::mesh::detail {

namespace {

using Results = std::map<std::string, Result<Value>>;

Task<Result<Value>> settle_one(std::shared_ptr<ClientState> state, CallSpec spec, Invocation invocation) {
    std::exception_ptr error;
    try {
        Value value = co_await call_one(std::move(state), std::move(spec), std::move(invocation));
        co_return Result<Value>(std::move(value));
    } catch (const weft::Error&) {
        error = std::current_exception();
    }
    co_return Result<Value>(std::move(error));
}

std::vector<std::string> cast_targets(ClientState& state, const CallSpec& spec, const std::string& function) {
    (void)state.require_link(function);
    auto targets = spec.receivers.empty() ? state.candidates(function) : spec.receivers;
    if (targets.empty()) throw ReceiverNotFound("cast " + function + ": no member offers it");
    return targets;
}

// A call to each.
Task<void> cast_to_each(std::shared_ptr<ClientState> state, CallSpec spec, Invocation invocation,
                        std::vector<std::string> targets, Results& results) {
    std::vector<Task<Result<Value>>> calls;
    calls.reserve(targets.size());
    for (const std::string& target : targets) {
        CallSpec one = spec;
        one.receivers.assign(1, target);
        calls.push_back(settle_one(state, std::move(one), invocation));
    }
    auto settled = co_await gather(std::move(calls));
    for (std::size_t i = 0; i < targets.size(); ++i)
        results.insert_or_assign(targets[i], std::move(settled[i]));
}

// --- in a NATS cluster --------------------------------------------------------------------------------

// To those that the caller names NATS would give it as well as to all others.
bool is_published(const ClientState& state, const CallSpec& spec, std::size_t targets) {
    return state.options.nats && spec.receivers.empty() && targets > 1;
}

// As many as one message names.
std::vector<std::vector<std::string>> in_messages(std::vector<std::string> targets) {
    std::vector<std::vector<std::string>> out;
    std::size_t size = max_cast_names;
    for (std::string& target : targets) {
        size += target.size() + 1;
        if (size > max_cast_names) {
            out.emplace_back();
            size = target.size() + 1;
        }
        out.back().push_back(std::move(target));
    }
    return out;
}

std::string joined(const std::vector<std::string>& names) {
    std::string out;
    for (const std::string& name : names) out += (out.empty() ? "" : "|") + name;
    return out;
}

// One message, and the calls that wait for its answers.
struct CastMessage {
    explicit CastMessage(std::vector<std::string> n) : names(std::move(n)) {}
    std::vector<std::string> names;
    SharedId waiting;               // outlives the calls
    std::deque<PendingCall> calls;  // of the names, in their order
};

// False when it is too large for one message.
bool publish(ClientState& state, CastMessage& message, const CallSpec& spec, const Invocation& invocation,
             std::optional<TimePoint> deadline) {
    Link& link = state.require_link(invocation.function);
    const std::uint64_t begin = link.appended();
    std::string receiver(every_worker);
    const std::uint16_t id =
        state.send_request(link, receiver, invocation, spec, true, joined(message.names));
    if (id == 0) return false;
    for (std::string& name : message.names) {
        PendingCall& call = message.calls.emplace_back(state, id, name, begin, &message.waiting);
        if (deadline) Loop::current().arm(call, *deadline);
    }
    return true;
}

Task<void> cast_once(std::shared_ptr<ClientState> state, CallSpec spec, Invocation invocation,
                     std::vector<std::string> targets, Results& results) {
    std::optional<TimePoint> deadline;
    if (spec.limit) deadline = Loop::current().now() + *spec.limit;
    std::deque<CastMessage> messages;
    std::vector<std::string> large;
    for (auto& names : in_messages(std::move(targets))) {
        CastMessage& message = messages.emplace_back(std::move(names));
        std::exception_ptr error;
        try {
            if (!publish(*state, message, spec, invocation, deadline)) {
                large.insert(large.end(), message.names.begin(), message.names.end());
                messages.pop_back();
            }
        } catch (const weft::Error&) {
            error = std::current_exception();
        }
        if (!error) continue;
        for (const std::string& name : message.names) results.emplace(name, Result<Value>(error));
        messages.pop_back();
    }
    for (CastMessage& message : messages) {
        for (PendingCall& call : message.calls) {
            co_await call;
            std::exception_ptr error;
            try {
                Value value = outcome(call, invocation.function, spec.limit);
                results.emplace(call.receiver(), Result<Value>(std::move(value)));
            } catch (const weft::Error&) {
                error = std::current_exception();
            }
            if (error) results.emplace(call.receiver(), Result<Value>(std::move(error)));
        }
    }
    if (large.empty()) co_return;
    co_await cast_to_each(std::move(state), std::move(spec), std::move(invocation), std::move(large),
                          results);
}

}  // namespace

Task<Results> call_all(std::shared_ptr<ClientState> state, CallSpec spec, Invocation invocation) {
    std::vector<std::string> targets = cast_targets(*state, spec, invocation.function);
    share_body(spec, invocation);
    Results results;
    if (is_published(*state, spec, targets.size())) {
        co_await cast_once(std::move(state), std::move(spec), std::move(invocation), std::move(targets),
                           results);
    } else {
        co_await cast_to_each(std::move(state), std::move(spec), std::move(invocation), std::move(targets),
                              results);
    }
    co_return results;
}

std::size_t send_all(ClientState& state, const CallSpec& spec, const Invocation& invocation) {
    std::vector<std::string> targets = cast_targets(state, spec, invocation.function);
    const std::size_t count = targets.size();
    Link& link = *state.link;
    if (is_published(state, spec, count)) {
        std::vector<std::string> large;
        for (auto& names : in_messages(std::move(targets))) {
            std::string receiver(every_worker);
            if (state.send_request(link, receiver, invocation, spec, false, joined(names)) == 0)
                large.insert(large.end(), names.begin(), names.end());
        }
        targets = std::move(large);
    }
    for (const std::string& target : targets) {
        if (!state.offers(target, invocation.function))
            throw ReceiverNotFound("cast " + invocation.function + ": '" + target + "' does not offer it");
        std::string receiver = target;
        state.send_request(link, receiver, invocation, spec, false);
    }
    return count;
}

}  // namespace weft::mesh::detail
