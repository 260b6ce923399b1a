// Connection, arbitration and stream of a client.
#include "client_state.hpp"

#include "entity_codec.hpp"
#include "status_codec.hpp"

#include <weft/core/timeout.hpp>

namespace weft::p4runtime {

ElectionId ElectionId::now() noexcept {
    const auto since_1970 = std::chrono::system_clock::now().time_since_epoch();
    return ElectionId{
        static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(since_1970).count()),
        0};
}

void rethrow_failure(const std::string& what, const RpcFailure& failure) {
    throw_request_failure(what, failure.code(), failure.message(), parse_update_statuses(failure.details()));
}

ClientState::ClientState(ClientOptions options_, TransportFactory factory)
    : options(std::move(options_)),
      transport(factory(options)),
      packets(options.queue_capacity),
      digests(options.queue_capacity),
      idle_timeouts(options.queue_capacity),
      stream_errors(options.queue_capacity),
      acks_(options.queue_capacity),
      factory_(std::move(factory)) {}

std::shared_ptr<ClientState> ClientState::successor() const {
    auto next = std::make_shared<ClientState>(options, factory_);
    next->info = info;
    return next;
}

void ClientState::require_connected() const {
    if (connected) return;
    throw_if_broken();
    throw ConnectionError("not connected to " + options.target + "; call connect() first", Code::unavailable);
}

void ClientState::throw_if_broken() const {
    if (!broken_.empty())
        throw ConnectionError("stream to " + options.target + " ended: " + broken_, broken_code_);
}

Task<void> ClientState::open(std::shared_ptr<ClientState> self) {
    try {
        co_await self->transport->connect(self->options.connect_timeout);
    } catch (const RpcFailure& failure) {
        throw ConnectionError("connect to " + self->options.target + ": " + failure.message(),
                              failure.code());
    }
    self->stream_ = self->transport->open_stream();
    self->connected = true;
    self->reader_ = spawn(read_stream(self, self->stream_), "p4runtime stream " + self->options.target);
    if (self->options.acknowledge_digests)
        self->acknowledger_ = spawn(acknowledge_all(self), "p4runtime acks " + self->options.target);
    if (!self->options.never_primary)
        self->election_id = self->options.election_id ? *self->options.election_id : ElectionId::now();
    co_await weft::timeout(self->options.connect_timeout, arbitrate(self));
    const bool backup_wanted =
        self->options.backup_allowed || self->options.never_primary || self->election_id == ElectionId{};
    if (self->mastership.state != MastershipState::primary && !backup_wanted)
        throw NotPrimaryError(
            "connect to " + self->options.target + ": another client is primary with a higher election ID",
            Code::permission_denied);
}

Task<void> ClientState::connect(std::shared_ptr<ClientState> self) {
    self->used_ = true;
    std::exception_ptr failure;
    try {
        co_await open(self);
    } catch (...) {
        failure = std::current_exception();
    }
    if (!failure) co_return;
    self->abandon();
    std::rethrow_exception(failure);
}

void ClientState::abandon() noexcept {
    connected = false;
    mastership = Mastership{};
    reader_ = TaskHandle<void>();
    acknowledger_ = TaskHandle<void>();
    for (auto& [id, subscriber] : subscribers_) subscriber.queue->close();
    subscribers_.clear();
    stream_.reset();
    packets.close();
    digests.close();
    idle_timeouts.close();
    stream_errors.close();
    acks_.close();
    changed_.set();
    changed_.clear();
}

Task<void> ClientState::close(std::shared_ptr<ClientState> self) {
    if (!self->used_) co_return;
    const bool had_stream = self->connected;
    std::shared_ptr<StreamCall> stream = std::move(self->stream_);
    self->abandon();
    std::exception_ptr failure;
    if (had_stream && stream) {
        try {
            co_await stream->close();
        } catch (const RpcFailure&) {
            // It ended before we could say goodbye: the same to us.
        }
    }
    stream.reset();
    try {
        co_await self->transport->close();
    } catch (const RpcFailure&) {
    }
}

Task<void> ClientState::send(std::shared_ptr<ClientState> self, p4::v1::StreamMessageRequest message) {
    self->require_connected();
    auto turn = co_await self->write_turn_.acquire();
    self->require_connected();
    std::shared_ptr<StreamCall> stream = self->stream_;
    try {
        co_await stream->write(std::move(message));
    } catch (const RpcFailure& failure) {
        throw ConnectionError("send to " + self->options.target + ": " + failure.message(), failure.code());
    }
}

Task<void> ClientState::arbitrate(std::shared_ptr<ClientState> self) {
    p4::v1::StreamMessageRequest message;
    auto& update = *message.mutable_arbitration();
    update.set_device_id(self->options.device_id);
    if (!self->options.role.empty()) update.mutable_role()->set_name(self->options.role);
    if (self->election_id) {
        update.mutable_election_id()->set_high(self->election_id->high);
        update.mutable_election_id()->set_low(self->election_id->low);
    }
    const std::uint64_t seen = self->arbitration_answers_;
    co_await send(self, std::move(message));
    for (;;) {
        if (!self->connected) self->require_connected();
        const Mastership& word = self->mastership;
        // An update about others may be on its way to us still: it knows a lower ID than ours.
        const bool answered =
            self->arbitration_answers_ != seen && (word.state == MastershipState::primary || !word.highest ||
                                                   !self->election_id || *word.highest >= *self->election_id);
        if (answered) co_return;
        co_await self->changed_.wait();
    }
}

Task<Mastership> ClientState::set_election_id(std::shared_ptr<ClientState> self, ElectionId id) {
    self->require_connected();
    self->election_id = id;
    co_await weft::timeout(self->options.request_timeout, arbitrate(self));
    co_return self->mastership;
}

Task<Mastership> ClientState::wait_for_change(std::shared_ptr<ClientState> self, Mastership known) {
    for (;;) {
        self->require_connected();
        if (self->mastership != known) co_return self->mastership;
        co_await self->changed_.wait();
    }
}

Task<void> ClientState::read_stream(std::shared_ptr<ClientState> self, std::shared_ptr<StreamCall> stream) {
    std::string reason = "the switch closed it";
    Code code = Code::unavailable;
    try {
        for (;;) {
            std::optional<p4::v1::StreamMessageResponse> message = co_await stream->read();
            if (!message) break;
            self->handle(*message);
        }
    } catch (const RpcFailure& failure) {
        reason = failure.message().empty() ? to_string(failure.code())
                                           : failure.message() + " (" + to_string(failure.code()) + ")";
        code = failure.code();
    }
    if (self->stream_ == stream) self->stream_ended(std::move(reason), code);
}

void ClientState::stream_ended(std::string reason, Code code) noexcept {
    broken_ = std::move(reason);
    broken_code_ = code;
    connected = false;
    mastership = Mastership{};
    packets.close();
    digests.close();
    idle_timeouts.close();
    stream_errors.close();
    acks_.close();
    for (auto& [id, subscriber] : subscribers_) subscriber.queue->close();
    changed_.set();
    changed_.clear();
}

void ClientState::handle(p4::v1::StreamMessageResponse& message) {
    using Message = p4::v1::StreamMessageResponse;
    // What a switch sends may not fit our P4Info (it may be changing pipelines): count it, and go on.
    try {
        switch (message.update_case()) {
            case Message::kArbitration:
                handle_arbitration(message.arbitration());
                break;
            case Message::kPacket:
                handle_packet(message.packet());
                break;
            case Message::kDigest: {
                p4::v1::DigestListAck ack;
                ack.set_digest_id(message.digest().digest_id());
                ack.set_list_id(message.digest().list_id());
                deliver(digests, decode(info, message.digest()));
                if (options.acknowledge_digests) (void)acks_.try_put(std::move(ack));
                break;
            }
            case Message::kIdleTimeoutNotification: {
                IdleTimeoutNotification notification;
                for (const auto& entry : message.idle_timeout_notification().table_entry())
                    notification.entries.push_back(decode(info, entry));
                notification.timestamp =
                    std::chrono::nanoseconds(message.idle_timeout_notification().timestamp());
                deliver(idle_timeouts, std::move(notification));
                break;
            }
            case Message::kError:
                deliver(stream_errors, StreamError{static_cast<Code>(message.error().canonical_code()),
                                                   message.error().message()});
                break;
            default:
                ++dropped;
        }
    } catch (const Error&) {
        ++dropped;
    }
}

void ClientState::handle_arbitration(const p4::v1::MasterArbitrationUpdate& update) {
    Mastership word;
    switch (static_cast<Code>(update.status().code())) {
        case Code::ok:
            word.state = MastershipState::primary;
            break;
        case Code::not_found:
            word.state = MastershipState::no_primary;
            break;
        default:
            word.state = MastershipState::backup;
    }
    if (update.has_election_id())
        word.highest = ElectionId{update.election_id().high(), update.election_id().low()};
    mastership = word;
    ++arbitration_answers_;
    changed_.set();
    changed_.clear();
}

void ClientState::handle_packet(const p4::v1::PacketIn& message) {
    PacketIn packet = decode(info, message);
    for (auto& [id, subscriber] : subscribers_) deliver(*subscriber.queue, packet);
    if (packets_wanted || subscribers_.empty()) deliver(packets, std::move(packet));
}

Task<void> ClientState::acknowledge_all(std::shared_ptr<ClientState> self) {
    for (;;) {
        std::optional<p4::v1::DigestListAck> ack = co_await self->acks_.next();
        if (!ack || !self->connected) co_return;
        p4::v1::StreamMessageRequest message;
        *message.mutable_digest_ack() = std::move(*ack);
        try {
            co_await send(self, std::move(message));
        } catch (const ConnectionError&) {
            co_return;  // The reader of the stream reports it.
        }
    }
}

std::shared_ptr<Queue<PacketIn>> ClientState::subscribe(std::uint64_t& id) {
    require_connected();
    id = next_handler_++;
    auto queue = std::make_shared<Queue<PacketIn>>(options.queue_capacity);
    subscribers_[id].queue = queue;
    return queue;
}

std::uint64_t ClientState::add_handler(Client::PacketHandler handler) {
    std::uint64_t id = 0;
    auto queue = subscribe(id);
    subscribers_[id].task = spawn(run_handler(shared_from_this(), std::move(queue), std::move(handler)),
                                  "p4runtime packet handler");
    return id;
}

void ClientState::unsubscribe(std::uint64_t id) noexcept {
    const auto at = subscribers_.find(id);
    if (at == subscribers_.end()) return;
    at->second.queue->close();
    subscribers_.erase(at);
}

Task<void> ClientState::run_handler(std::shared_ptr<ClientState> self, std::shared_ptr<Queue<PacketIn>> queue,
                                    Client::PacketHandler handler) {
    for (;;) {
        std::optional<PacketIn> packet = co_await queue->next();
        if (!packet) co_return;
        std::exception_ptr failure;
        try {
            co_await handler(std::move(*packet));
        } catch (const Cancelled&) {
            throw;
        } catch (...) {
            failure = std::current_exception();
        }
        if (failure && self->options.handler_error) self->options.handler_error(failure);
    }
}

}  // namespace weft::p4runtime
