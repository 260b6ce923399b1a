// The client's connection, pipeline, writes and reads. The convenience calls are in client_calls.cpp.
#include "client_state.hpp"
#include "entity_codec.hpp"
#include "entity_reader.hpp"

#include <weft/core/timeout.hpp>

#include <fstream>
#include <sstream>

namespace weft::p4runtime {

namespace {

using State = std::shared_ptr<ClientState>;

std::string kind_and_name(const Entity& entity) {
    struct Describe {
        std::string operator()(const TableEntry& e) const { return "entry of '" + e.table() + "'"; }
        std::string operator()(const ActionProfileMember& e) const {
            return "member " + std::to_string(e.member_id) + " of '" + e.profile + "'";
        }
        std::string operator()(const ActionProfileGroup& e) const {
            return "group " + std::to_string(e.group_id) + " of '" + e.profile + "'";
        }
        std::string operator()(const CounterEntry& e) const { return "counter '" + e.counter + "'"; }
        std::string operator()(const DirectCounterEntry& e) const {
            return "direct counter of '" + e.entry.table() + "'";
        }
        std::string operator()(const MeterEntry& e) const { return "meter '" + e.meter + "'"; }
        std::string operator()(const DirectMeterEntry& e) const {
            return "direct meter of '" + e.entry.table() + "'";
        }
        std::string operator()(const MulticastGroup& e) const {
            return "multicast group " + std::to_string(e.group_id);
        }
        std::string operator()(const CloneSession& e) const {
            return "clone session " + std::to_string(e.session_id);
        }
        std::string operator()(const ValueSetEntry& e) const { return "value set '" + e.value_set + "'"; }
        std::string operator()(const RegisterEntry& e) const { return "register '" + e.register_name + "'"; }
        std::string operator()(const DigestEntry& e) const { return "digest '" + e.digest + "'"; }
        std::string operator()(const ExternEntry& e) const {
            return "extern " + std::to_string(e.extern_type_id);
        }
    };
    return std::visit(Describe(), entity);
}

std::string describe(const std::vector<Update>& updates, const ClientOptions& options) {
    if (updates.size() != 1)
        return "write " + std::to_string(updates.size()) + " updates to " + options.target;
    const char* verb = updates[0].type == UpdateType::insert   ? "insert "
                       : updates[0].type == UpdateType::modify ? "modify "
                                                               : "delete ";
    return verb + kind_and_name(updates[0].entity) + " at " + options.target;
}

[[noreturn]] void rethrow_pipeline_failure(const std::string& what, const RpcFailure& failure) {
    switch (failure.code()) {
        case Code::permission_denied:
        case Code::unavailable:
        case Code::cancelled:
        case Code::deadline_exceeded:
            rethrow_failure(what, failure);
        default:
            throw PipelineError(what + ": " + failure.message() + " (" + to_string(failure.code()) + ")",
                                failure.code());
    }
}

Task<void> set_pipeline(State state, std::optional<PipelineConfig> config, PipelineAction action) {
    state->require_connected();
    p4::v1::SetForwardingPipelineConfigRequest request;
    state->sign(request);
    request.set_action(static_cast<p4::v1::SetForwardingPipelineConfigRequest::Action>(action));
    // The specification forbids a config with COMMIT.
    if (config && action != PipelineAction::commit) {
        auto& out = *request.mutable_config();
        out.mutable_p4info()->ParseFromString(config->p4info.binary());
        out.set_p4_device_config(config->device_config);
        if (config->cookie) out.mutable_cookie()->set_cookie(*config->cookie);
    }
    try {
        co_await state->transport->set_pipeline(std::move(request), state->options.connect_timeout);
    } catch (const RpcFailure& failure) {
        rethrow_pipeline_failure("set the pipeline of " + state->options.target, failure);
    }
    if (config && action != PipelineAction::verify) state->info = config->p4info;
}

Task<p4::v1::GetForwardingPipelineConfigResponse> fetch_pipeline(
    State state, p4::v1::GetForwardingPipelineConfigRequest::ResponseType parts) {
    state->require_connected();
    p4::v1::GetForwardingPipelineConfigRequest request;
    request.set_device_id(state->options.device_id);
    request.set_response_type(parts);
    p4::v1::GetForwardingPipelineConfigResponse answer;
    try {
        answer = co_await state->transport->get_pipeline(std::move(request), state->options.connect_timeout);
    } catch (const RpcFailure& failure) {
        // "No pipeline" is an unset config by the specification; BMv2 says FAILED_PRECONDITION.
        if (failure.code() != Code::failed_precondition)
            rethrow_pipeline_failure("get the pipeline of " + state->options.target, failure);
    }
    co_return answer;
}

using Get = p4::v1::GetForwardingPipelineConfigRequest;

Task<std::optional<PipelineConfig>> get_pipeline(State state) {
    auto answer = co_await fetch_pipeline(state, Get::ALL);
    if (!answer.has_config()) co_return std::nullopt;
    PipelineConfig config;
    config.p4info = P4Info::from_binary(answer.config().p4info().SerializeAsString());
    config.device_config = std::move(*answer.mutable_config()->mutable_p4_device_config());
    if (answer.config().has_cookie()) config.cookie = answer.config().cookie().cookie();
    state->info = config.p4info;
    co_return std::optional<PipelineConfig>(std::move(config));
}

Task<std::optional<std::uint64_t>> get_cookie(State state) {
    const auto answer = co_await fetch_pipeline(state, Get::COOKIE_ONLY);
    if (!answer.config().has_cookie()) co_return std::nullopt;
    co_return std::optional<std::uint64_t>(answer.config().cookie().cookie());
}

Task<std::string> get_capabilities(State state) {
    state->require_connected();
    p4::v1::CapabilitiesRequest request;
    request.set_device_id(state->options.device_id);
    p4::v1::CapabilitiesResponse answer;
    try {
        answer = co_await state->transport->capabilities(std::move(request), state->options.request_timeout);
    } catch (const RpcFailure& failure) {
        if (failure.code() != Code::unimplemented)
            rethrow_failure("capabilities of " + state->options.target, failure);
        answer.set_p4runtime_api_version("1.0.0");
    }
    co_return answer.p4runtime_api_version();
}

Task<void> connect_and_learn(State state) {
    co_await ClientState::connect(state);
    if (!state->info.tables().empty()) co_return;
    std::exception_ptr failure;
    try {
        const auto answer = co_await fetch_pipeline(state, Get::P4INFO_AND_COOKIE);
        if (answer.config().has_p4info())
            state->info = P4Info::from_binary(answer.config().p4info().SerializeAsString());
    } catch (const PipelineError&) {
        // A switch that gives out no pipeline, or one that we cannot read: the user can set it.
    } catch (const P4InfoError&) {
    } catch (...) {
        failure = std::current_exception();
    }
    if (!failure) co_return;
    co_await ClientState::close(state);
    std::rethrow_exception(failure);
}

Task<void> take_over(State state) {
    state->require_connected();
    const Mastership before = state->mastership;
    if (before.state == MastershipState::primary) co_return;
    ElectionId id = state->election_id ? state->election_id->next() : ElectionId{0, 1};
    if (before.highest && id <= *before.highest) id = before.highest->next();
    const Mastership after = co_await ClientState::set_election_id(state, id);
    if (after.state != MastershipState::primary)
        throw NotPrimaryError("become primary of " + state->options.target + ": another client was faster",
                              Code::permission_denied);
}

}  // namespace

Task<void> write_updates(std::shared_ptr<ClientState> state, std::vector<Update> updates,
                         Atomicity atomicity) {
    state->require_connected();
    if (updates.empty()) co_return;
    p4::v1::WriteRequest request;
    state->sign(request);
    request.set_atomicity(static_cast<p4::v1::WriteRequest::Atomicity>(atomicity));
    request.mutable_updates()->Reserve(static_cast<int>(updates.size()));
    for (const auto& update : updates) encode(state->info, update, *request.add_updates());
    try {
        co_await state->transport->write(std::move(request), state->options.request_timeout);
    } catch (const RpcFailure& failure) {
        rethrow_failure(describe(updates, state->options), failure);
    }
}

AnyEntityStream read_entities(std::shared_ptr<ClientState> state, std::vector<Entity> filters) {
    return AnyEntityStream(std::make_shared<EntityReader>(std::move(state), std::move(filters)));
}

PipelineConfig PipelineConfig::load(const std::string& p4info_path, const std::string& json_path) {
    std::ifstream file(json_path, std::ios::binary);
    std::ostringstream content;
    if (!file || !(content << file.rdbuf()))
        throw P4InfoError("cannot read device config file '" + json_path + "'");
    return PipelineConfig(P4Info::load(p4info_path), std::move(content).str());
}

Client make_client(std::shared_ptr<ClientState> state) { return Client(std::move(state)); }

Client::Client(std::shared_ptr<ClientState> state) : state_(std::move(state)) {}
Client::Client(Client&&) noexcept = default;

Client& Client::operator=(Client&& other) noexcept {
    std::swap(state_, other.state_);
    return *this;
}

Client::~Client() {
    if (state_) state_->abandon();
}

Task<void> Client::connect() {
    if (state_->used() && !state_->connected) state_ = state_->successor();
    if (state_->connected) return [](State) -> Task<void> { co_return; }(state_);
    return connect_and_learn(state_);
}

Task<void> Client::close() { return ClientState::close(state_); }

bool Client::is_connected() const noexcept { return state_->connected; }
const ClientOptions& Client::options() const noexcept { return state_->options; }
bool Client::is_primary() const noexcept { return state_->mastership.state == MastershipState::primary; }
Mastership Client::mastership() const noexcept { return state_->mastership; }
std::optional<ElectionId> Client::election_id() const noexcept { return state_->election_id; }

Task<Mastership> Client::mastership_change(Mastership known) {
    return ClientState::wait_for_change(state_, known);
}
Task<Mastership> Client::set_election_id(ElectionId id) { return ClientState::set_election_id(state_, id); }
Task<void> Client::become_primary() { return take_over(state_); }

Task<void> Client::set_pipeline_config(PipelineConfig config, PipelineAction action) {
    return set_pipeline(state_, std::optional<PipelineConfig>(std::move(config)), action);
}

Task<void> Client::push_pipeline(std::string p4info, std::string device_config, PipelineAction action) {
    const bool binary = p4info.find('\0') != std::string::npos || p4info.find('\x01') != std::string::npos;
    PipelineConfig config(binary ? P4Info::from_binary(p4info) : P4Info::from_text(p4info),
                          std::move(device_config));
    return set_pipeline(state_, std::optional<PipelineConfig>(std::move(config)), action);
}

Task<void> Client::commit_pipeline() { return set_pipeline(state_, std::nullopt, PipelineAction::commit); }
Task<std::optional<PipelineConfig>> Client::get_pipeline_config() { return get_pipeline(state_); }
Task<std::optional<std::uint64_t>> Client::get_pipeline_cookie() { return get_cookie(state_); }
const P4Info& Client::p4info() const noexcept { return state_->info; }
void Client::use_p4info(P4Info info) { state_->info = std::move(info); }
Task<std::string> Client::capabilities() { return get_capabilities(state_); }

Task<void> Client::write(std::vector<Update> updates, Atomicity atomicity) {
    return write_updates(state_, std::move(updates), atomicity);
}

AnyEntityStream Client::read(std::vector<Entity> filters) {
    return read_entities(state_, std::move(filters));
}

std::uint64_t Client::on_packet_in(PacketHandler handler) { return state_->add_handler(std::move(handler)); }
void Client::remove_packet_handler(std::uint64_t handler) noexcept { state_->unsubscribe(handler); }
std::uint64_t Client::dropped() const noexcept { return state_->dropped; }

}  // namespace weft::p4runtime
