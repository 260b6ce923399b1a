// The client's calls by purpose: tables, counters, registers, replication, packets, digests.
#include "client_state.hpp"
#include "entity_codec.hpp"

#include <weft/core/timeout.hpp>

#include <algorithm>
#include <iterator>

namespace weft::p4runtime {

namespace {

using State = std::shared_ptr<ClientState>;

// Small enough for gRPC's usual limit of 4 MiB a message and for the status of every update in trailers.
constexpr std::size_t batch_size = 500;

std::vector<Update> one(Update update) {
    std::vector<Update> updates;
    updates.push_back(std::move(update));
    return updates;
}

Task<void> write_in_batches(State state, std::vector<Update> updates) {
    for (std::size_t start = 0; start < updates.size(); start += batch_size) {
        const std::size_t end = std::min(start + batch_size, updates.size());
        std::vector<Update> batch(
            std::make_move_iterator(updates.begin() + static_cast<std::ptrdiff_t>(start)),
            std::make_move_iterator(updates.begin() + static_cast<std::ptrdiff_t>(end)));
        co_await write_updates(state, std::move(batch));
    }
}

TableEntry make_entry(std::string table, Match match, std::string action, Params params,
                      std::int32_t priority) {
    TableEntry entry(std::move(table));
    entry.match(std::move(match)).priority(priority);
    entry.action(std::move(action), std::move(params));
    return entry;
}

// The only answer to a read of one thing.
template <class T>
Task<T> read_one(EntityStream<T> stream, std::string what) {
    std::optional<T> entity = co_await stream.next();
    if (!entity) throw EntryNotFoundError(what + ": the switch has no such entry", Code::not_found);
    co_return std::move(*entity);
}

template <class T, class D = decltype(T::data)>
Task<D> data_of(Task<T> read) {
    T entry = co_await std::move(read);
    co_return std::move(entry.data);
}

Task<std::size_t> remove_all(State state, EntityStream<TableEntry> stream) {
    std::vector<TableEntry> entries = co_await stream.all();
    std::vector<Update> updates;
    for (auto& entry : entries)
        if (!entry.is_const) updates.push_back(Update::remove(std::move(entry)));
    const std::size_t count = updates.size();
    co_await write_in_batches(state, std::move(updates));
    co_return count;
}

Task<void> set_to_zero(State state, EntityStream<CounterEntry> stream) {
    // Cell by cell: BMv2's server knows no wildcard write. Cells that are zero already stay untouched.
    std::vector<CounterEntry> cells = co_await stream.all();
    std::vector<Update> updates;
    for (auto& cell : cells) {
        if (cell.data == CounterData{}) continue;
        cell.data = CounterData{};
        updates.push_back(Update::modify(std::move(cell)));
    }
    co_await write_in_batches(state, std::move(updates));
}

template <class T>
Task<std::optional<T>> next_of(State state, Queue<T>* queue) {
    // The queue is a member of the state, which this frame keeps alive.
    std::optional<T> item = co_await queue->next();
    if (!item) state->throw_if_broken();
    co_return item;
}

}  // namespace

Task<void> Client::insert(Entity entity) { return write(one(Update::insert(std::move(entity)))); }
Task<void> Client::modify(Entity entity) { return write(one(Update::modify(std::move(entity)))); }
Task<void> Client::remove(Entity entity) { return write(one(Update::remove(std::move(entity)))); }

Task<void> Client::insert_table_entry(TableEntry entry) { return insert(std::move(entry)); }
Task<void> Client::insert_table_entry(std::string table, Match match, std::string action, Params params,
                                      std::int32_t priority) {
    return insert(
        make_entry(std::move(table), std::move(match), std::move(action), std::move(params), priority));
}
Task<void> Client::modify_table_entry(TableEntry entry) { return modify(std::move(entry)); }
Task<void> Client::modify_table_entry(std::string table, Match match, std::string action, Params params,
                                      std::int32_t priority) {
    return modify(
        make_entry(std::move(table), std::move(match), std::move(action), std::move(params), priority));
}
Task<void> Client::delete_table_entry(TableEntry entry) { return remove(std::move(entry)); }
Task<void> Client::delete_table_entry(std::string table, Match match, std::int32_t priority) {
    TableEntry entry(std::move(table));
    entry.match(std::move(match)).priority(priority);
    return remove(std::move(entry));
}

EntityStream<TableEntry> Client::list_table_entries(std::string table) {
    return list(TableEntry(std::move(table)));
}
EntityStream<TableEntry> Client::list_table_entries(TableEntry filter) { return list(std::move(filter)); }

Task<std::size_t> Client::clear_table(std::string table) {
    return remove_all(state_, list_table_entries(std::move(table)));
}

Task<void> Client::set_default_action(std::string table, std::string action, Params params) {
    TableEntry entry(std::move(table));
    entry.default_action().action(std::move(action), std::move(params));
    return modify(std::move(entry));
}

Task<void> Client::reset_default_action(std::string table) {
    return modify(TableEntry(std::move(table)).default_action());
}

Task<TableEntry> Client::get_default_action(std::string table) {
    const std::string what = "default action of '" + table + "'";
    return read_one(list(TableEntry(std::move(table)).default_action()), what);
}

Task<CounterData> Client::read_counter(std::string counter, std::int64_t index) {
    const std::string what = "counter '" + counter + "' at " + std::to_string(index);
    return data_of(read_one(list(CounterEntry(std::move(counter), index)), what));
}

Task<std::vector<CounterEntry>> Client::read_counter(std::string counter) {
    return list(CounterEntry(std::move(counter))).all();
}

Task<CounterData> Client::read_direct_counter(TableEntry key) {
    const std::string what = "direct counter of '" + key.table() + "'";
    return data_of(read_one(list(DirectCounterEntry(std::move(key))), what));
}

Task<void> Client::write_counter(std::string counter, std::int64_t index, CounterData data) {
    return modify(CounterEntry(std::move(counter), index).set(data));
}

Task<void> Client::reset_counter(std::string counter) {
    return set_to_zero(state_, list(CounterEntry(std::move(counter))));
}

Task<Data> Client::read_register(std::string register_name, std::int64_t index) {
    const std::string what = "register '" + register_name + "' at " + std::to_string(index);
    return data_of(read_one(list(RegisterEntry(std::move(register_name), index)), what));
}

Task<std::vector<RegisterEntry>> Client::read_register(std::string register_name) {
    return list(RegisterEntry(std::move(register_name))).all();
}

Task<void> Client::write_register(std::string register_name, std::int64_t index, Data data) {
    return modify(RegisterEntry(std::move(register_name), index, std::move(data)));
}

Task<void> Client::add_multicast_group(MulticastGroup group) { return insert(std::move(group)); }
Task<void> Client::modify_multicast_group(MulticastGroup group) { return modify(std::move(group)); }
Task<void> Client::delete_multicast_group(std::uint32_t group_id) { return remove(MulticastGroup(group_id)); }
Task<std::vector<MulticastGroup>> Client::list_multicast_groups() { return list(MulticastGroup()).all(); }
Task<void> Client::add_clone_session(CloneSession session) { return insert(std::move(session)); }
Task<void> Client::modify_clone_session(CloneSession session) { return modify(std::move(session)); }
Task<void> Client::delete_clone_session(std::uint32_t session_id) { return remove(CloneSession(session_id)); }

namespace {

Task<void> send_packet(State state, PacketOut packet) {
    p4::v1::StreamMessageRequest message;
    encode(state->info, packet, *message.mutable_packet());
    co_await ClientState::send(state, std::move(message));
}

Task<PacketIn> wait_for_packet(State state, std::shared_ptr<Queue<PacketIn>> queue) {
    std::optional<PacketIn> packet = co_await queue->next();
    if (!packet) {
        state->throw_if_broken();
        throw OperationCancelledError("wait for a packet: the client was closed", Code::cancelled);
    }
    co_return std::move(*packet);
}

Task<PacketIn> next_fresh_packet(State state, std::chrono::nanoseconds limit) {
    class Subscription {
    public:
        explicit Subscription(State state) : state_(std::move(state)), queue(state_->subscribe(id_)) {}
        Subscription(const Subscription&) = delete;
        Subscription& operator=(const Subscription&) = delete;
        ~Subscription() { state_->unsubscribe(id_); }

    private:
        State state_;
        std::uint64_t id_ = 0;

    public:
        std::shared_ptr<Queue<PacketIn>> queue;
    };
    const Subscription subscription(state);
    PacketIn packet = co_await weft::timeout(limit, wait_for_packet(state, subscription.queue));
    co_return packet;
}

Task<void> send_ack(State state, DigestList list) {
    p4::v1::StreamMessageRequest message;
    message.mutable_digest_ack()->set_digest_id(state->info.digest(list.digest).id);
    message.mutable_digest_ack()->set_list_id(list.list_id);
    co_await ClientState::send(state, std::move(message));
}

}  // namespace

Task<void> Client::send_packet_out(PacketOut packet) { return send_packet(state_, std::move(packet)); }
Task<void> Client::send_packet_out(Bytes payload, PacketMetadata metadata) {
    return send_packet(state_, PacketOut(std::move(payload), std::move(metadata)));
}

Task<std::optional<PacketIn>> Client::next_packet() {
    state_->packets_wanted = true;
    return next_of(state_, &state_->packets);
}

Task<PacketIn> Client::expect_packet_in(std::chrono::nanoseconds limit) {
    return next_fresh_packet(state_, limit);
}

Task<std::optional<DigestList>> Client::next_digest() { return next_of(state_, &state_->digests); }
Task<void> Client::acknowledge(DigestList list) { return send_ack(state_, std::move(list)); }
Task<std::optional<IdleTimeoutNotification>> Client::next_idle_timeout() {
    return next_of(state_, &state_->idle_timeouts);
}
Task<std::optional<StreamError>> Client::next_stream_error() {
    return next_of(state_, &state_->stream_errors);
}

}  // namespace weft::p4runtime
