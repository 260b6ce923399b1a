// What a client and its tasks share: the connection, the stream with its reader, mastership, the queues.
#pragma once

#include "transport.hpp"

#include <weft/core/event.hpp>
#include <weft/core/queue.hpp>
#include <weft/core/semaphore.hpp>
#include <weft/core/spawn.hpp>
#include <weft/p4runtime/client.hpp>

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

namespace weft::p4runtime {

class ClientState : public std::enable_shared_from_this<ClientState> {
public:
    using TransportFactory = std::function<std::shared_ptr<Transport>(const ClientOptions&)>;

    ClientState(ClientOptions options_, TransportFactory factory);

    static Task<void> connect(std::shared_ptr<ClientState> self);
    static Task<void> close(std::shared_ptr<ClientState> self);
    // Cancels the tasks; for destructors.
    void abandon() noexcept;

    static Task<Mastership> wait_for_change(std::shared_ptr<ClientState> self, Mastership known);
    static Task<Mastership> set_election_id(std::shared_ptr<ClientState> self, ElectionId id);
    static Task<void> send(std::shared_ptr<ClientState> self, p4::v1::StreamMessageRequest message);

    // Gets every packet from now on, until unsubscribe() or the end of the stream closes it.
    std::shared_ptr<Queue<PacketIn>> subscribe(std::uint64_t& id);
    std::uint64_t add_handler(Client::PacketHandler handler);
    void unsubscribe(std::uint64_t id) noexcept;

    // True once connect() was tried: the queues of a state serve one connection only.
    [[nodiscard]] bool used() const noexcept { return used_; }
    // A fresh state for the next connection, with the same options and P4Info.
    [[nodiscard]] std::shared_ptr<ClientState> successor() const;

    // Throws ConnectionError unless connected.
    void require_connected() const;
    // Throws why the stream ended; nothing while it lives and after a close().
    void throw_if_broken() const;

    // Election ID, role and device of a request.
    template <class Request>
    void sign(Request& request) const {
        request.set_device_id(options.device_id);
        request.set_role(options.role);
        if (!election_id) return;
        request.mutable_election_id()->set_high(election_id->high);
        request.mutable_election_id()->set_low(election_id->low);
    }

    const ClientOptions options;
    std::shared_ptr<Transport> transport;
    P4Info info;
    bool connected = false;
    bool packets_wanted = false;  // next_packet() was called
    std::optional<ElectionId> election_id;
    Mastership mastership;
    std::uint64_t dropped = 0;

    Queue<PacketIn> packets;
    Queue<DigestList> digests;
    Queue<IdleTimeoutNotification> idle_timeouts;
    Queue<StreamError> stream_errors;

private:
    struct Subscriber {
        std::shared_ptr<Queue<PacketIn>> queue;
        TaskHandle<void> task;  // runs the handler; none for a plain subscription
    };

    static Task<void> read_stream(std::shared_ptr<ClientState> self, std::shared_ptr<StreamCall> stream);
    static Task<void> run_handler(std::shared_ptr<ClientState> self, std::shared_ptr<Queue<PacketIn>> queue,
                                  Client::PacketHandler handler);
    static Task<void> open(std::shared_ptr<ClientState> self);
    static Task<void> arbitrate(std::shared_ptr<ClientState> self);
    static Task<void> acknowledge_all(std::shared_ptr<ClientState> self);
    void handle(p4::v1::StreamMessageResponse& message);
    void handle_arbitration(const p4::v1::MasterArbitrationUpdate& update);
    void handle_packet(const p4::v1::PacketIn& message);
    void stream_ended(std::string reason, Code code) noexcept;
    template <class T>
    void deliver(Queue<T>& queue, T item) {
        if (!queue.try_put(std::move(item))) ++dropped;
    }

    std::shared_ptr<StreamCall> stream_;
    TaskHandle<void> reader_;
    TaskHandle<void> acknowledger_;
    Queue<p4::v1::DigestListAck> acks_;
    TransportFactory factory_;
    bool used_ = false;
    Semaphore write_turn_{1};
    Event changed_;  // set and cleared at once: wakes everyone who waits for a change
    std::uint64_t arbitration_answers_ = 0;
    std::string broken_;  // why the stream ended; empty while it lives and after close()
    Code broken_code_ = Code::unavailable;
    std::map<std::uint64_t, Subscriber> subscribers_;
    std::uint64_t next_handler_ = 1;
};

// One write request.
Task<void> write_updates(std::shared_ptr<ClientState> state, std::vector<Update> updates,
                         Atomicity atomicity = Atomicity::continue_on_error);

[[nodiscard]] AnyEntityStream read_entities(std::shared_ptr<ClientState> state, std::vector<Entity> filters);

// A client over any transport.
[[nodiscard]] Client make_client(std::shared_ptr<ClientState> state);

// Turns the RpcFailure of a request into the public error. what: "insert into 'MyIngress.ipv4_lpm'".
[[noreturn]] void rethrow_failure(const std::string& what, const RpcFailure& failure);

}  // namespace weft::p4runtime
