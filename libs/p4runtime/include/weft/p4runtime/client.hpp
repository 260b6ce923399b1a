// An asynchronous P4Runtime client of one switch: mastership, pipeline, every entity, packets, digests.
//
//     Client client(ClientOptions("127.0.0.1:9559"));
//     co_await client.connect();
//     co_await client.set_pipeline_config(std::move(config));
//     co_await client.insert_table_entry("ipv4_lpm", Match("hdr.ipv4.dstAddr", "10.0.1.0/24"),
//                                        "set_egress_port", Params("port", 2));
//     co_await client.close();
#pragma once

#include <weft/core/task.hpp>
#include <weft/p4runtime/client_options.hpp>
#include <weft/p4runtime/entity_stream.hpp>
#include <weft/p4runtime/error.hpp>
#include <weft/p4runtime/mastership.hpp>
#include <weft/p4runtime/p4info.hpp>
#include <weft/p4runtime/packet.hpp>
#include <weft/p4runtime/pipeline.hpp>
#include <weft/p4runtime/update.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace weft::p4runtime {

class ClientState;  // private: src/client_state.hpp

// How a switch carries out a batch. Only the first must be known to every switch.
enum class Atomicity : std::uint8_t { continue_on_error = 0, rollback_on_error = 1, dataplane_atomic = 2 };

struct StreamError {
    Code code = Code::unknown;
    std::string message;
};

struct IdleTimeoutNotification {
    std::vector<TableEntry> entries;
    std::chrono::nanoseconds timestamp{0};  // of the switch's own clock
};

// Move-only. Belongs to one loop, which must outlive it. Any number of requests may be under way at once.
//
// Every request throws: NotPrimaryError, PipelineError (the switch has no pipeline), ConnectionError,
// TimeoutError after options.request_timeout, OperationCancelledError when the client is closed meanwhile,
// and before anything is sent EncodingError and the NoSuch…Errors. Cancelling a request that has left does
// not undo it.
class Client {
public:
    explicit Client(ClientOptions options);
    Client(Client&&) noexcept;
    Client& operator=(Client&&) noexcept;
    // Abortive: drops the connection without waiting.
    ~Client();

    // Opens the connection and the stream, and waits for the switch's word on mastership. Fetches the
    // P4Info of the running pipeline, if there is one. Throws ConnectionError, TimeoutError, and
    // NotPrimaryError unless options.backup_allowed or the election ID is {0, 0} or absent.
    [[nodiscard]] Task<void> connect();

    // Ends the stream and the connection; requests under way throw OperationCancelledError. Idempotent.
    [[nodiscard]] Task<void> close();
    [[nodiscard]] Task<void> disconnect() { return close(); }

    // False from the moment at which the stream ended, whoever ended it.
    [[nodiscard]] bool is_connected() const noexcept;
    [[nodiscard]] const ClientOptions& options() const noexcept;

    // --- mastership ---------------------------------------------------------------------------------------
    [[nodiscard]] bool is_primary() const noexcept;
    [[nodiscard]] Mastership mastership() const noexcept;
    // The ID that this client has sent last; nullopt for a read-only client.
    [[nodiscard]] std::optional<ElectionId> election_id() const noexcept;
    // Waits until the switch says something other than `known`. Throws ConnectionError when the stream ends.
    [[nodiscard]] Task<Mastership> mastership_change(Mastership known);
    // Sends a new election ID and waits for the answer.
    [[nodiscard]] Task<Mastership> set_election_id(ElectionId id);
    // Takes over: sends an ID above the highest that the switch has seen. Throws NotPrimaryError when another
    // client was faster.
    [[nodiscard]] Task<void> become_primary();

    // --- pipeline -----------------------------------------------------------------------------------------
    // Throws PipelineError with the switch's reason. For PipelineAction::commit the config is not sent.
    // Names are looked up in its P4Info afterwards, except after PipelineAction::verify.
    [[nodiscard]] Task<void> set_pipeline_config(PipelineConfig config,
                                                 PipelineAction action = PipelineAction::verify_and_commit);
    // The same from bytes: binary or text P4Info, and the target's configuration.
    [[nodiscard]] Task<void> push_pipeline(std::string p4info, std::string device_config,
                                           PipelineAction action = PipelineAction::verify_and_commit);
    // Runs the config that verify_and_save left on the switch.
    [[nodiscard]] Task<void> commit_pipeline();
    // nullopt when the switch has no pipeline. Updates p4info().
    [[nodiscard]] Task<std::optional<PipelineConfig>> get_pipeline_config();
    // nullopt when there is no pipeline or it was set without a cookie.
    [[nodiscard]] Task<std::optional<std::uint64_t>> get_pipeline_cookie();
    // What names are looked up in.
    [[nodiscard]] const P4Info& p4info() const noexcept;
    void use_p4info(P4Info info);
    // "1.4.1"; "1.0.0" for a switch that does not know the request.
    [[nodiscard]] Task<std::string> capabilities();

    // --- writes -------------------------------------------------------------------------------------------
    // All in one request, which has to stay below the server's limit (usually 4 MiB). Throws BatchError with
    // every update's status when any failed; a batch of one throws DuplicateEntryError, EntryNotFoundError or
    // Error.
    [[nodiscard]] Task<void> write(std::vector<Update> updates,
                                   Atomicity atomicity = Atomicity::continue_on_error);
    [[nodiscard]] Task<void> insert(Entity entity);
    [[nodiscard]] Task<void> modify(Entity entity);
    [[nodiscard]] Task<void> remove(Entity entity);

    // --- reads --------------------------------------------------------------------------------------------
    // Everything that fits any of the filters; empty names, absent indexes and zero IDs are wildcards.
    [[nodiscard]] AnyEntityStream read(std::vector<Entity> filters);
    template <class T>
    [[nodiscard]] EntityStream<T> list(T filter) {
        std::vector<Entity> filters;
        filters.emplace_back(std::move(filter));
        return EntityStream<T>(read(std::move(filters)));
    }

    // --- tables -------------------------------------------------------------------------------------------
    [[nodiscard]] Task<void> insert_table_entry(TableEntry entry);
    [[nodiscard]] Task<void> insert_table_entry(std::string table, Match match, std::string action,
                                                Params params = Params(), std::int32_t priority = 0);
    [[nodiscard]] Task<void> modify_table_entry(TableEntry entry);
    [[nodiscard]] Task<void> modify_table_entry(std::string table, Match match, std::string action,
                                                Params params = Params(), std::int32_t priority = 0);
    [[nodiscard]] Task<void> delete_table_entry(TableEntry entry);
    [[nodiscard]] Task<void> delete_table_entry(std::string table, Match match, std::int32_t priority = 0);
    // Of all tables without a name. Default entries are not among them.
    [[nodiscard]] EntityStream<TableEntry> list_table_entries(std::string table = std::string());
    // The same with a filter: set counter(CounterData{}) or meter(MeterConfig{}) to have them read too.
    [[nodiscard]] EntityStream<TableEntry> list_table_entries(TableEntry filter);
    // Deletes all entries of the table but the constant ones; gives their number.
    [[nodiscard]] Task<std::size_t> clear_table(std::string table);
    [[nodiscard]] Task<void> set_default_action(std::string table, std::string action,
                                                Params params = Params());
    // Back to the program's own default action.
    [[nodiscard]] Task<void> reset_default_action(std::string table);
    [[nodiscard]] Task<TableEntry> get_default_action(std::string table);

    // --- counters, meters, registers
    // ------------------------------------------------------------------------ Throws EntryNotFoundError when
    // the switch gives no such cell.
    [[nodiscard]] Task<CounterData> read_counter(std::string counter, std::int64_t index);
    // All cells.
    [[nodiscard]] Task<std::vector<CounterEntry>> read_counter(std::string counter);
    [[nodiscard]] Task<CounterData> read_direct_counter(TableEntry key);
    [[nodiscard]] Task<void> write_counter(std::string counter, std::int64_t index, CounterData data);
    // Sets every cell to zero.
    [[nodiscard]] Task<void> reset_counter(std::string counter);
    [[nodiscard]] Task<Data> read_register(std::string register_name, std::int64_t index);
    [[nodiscard]] Task<std::vector<RegisterEntry>> read_register(std::string register_name);
    [[nodiscard]] Task<void> write_register(std::string register_name, std::int64_t index, Data data);

    // --- replication
    // ----------------------------------------------------------------------------------------
    [[nodiscard]] Task<void> add_multicast_group(MulticastGroup group);
    [[nodiscard]] Task<void> modify_multicast_group(MulticastGroup group);
    [[nodiscard]] Task<void> delete_multicast_group(std::uint32_t group_id);
    [[nodiscard]] Task<std::vector<MulticastGroup>> list_multicast_groups();
    [[nodiscard]] Task<void> add_clone_session(CloneSession session);
    [[nodiscard]] Task<void> modify_clone_session(CloneSession session);
    [[nodiscard]] Task<void> delete_clone_session(std::uint32_t session_id);

    // --- packets
    // -------------------------------------------------------------------------------------------- Returns
    // when the packet is handed to the connection; what the switch objects to comes as StreamError.
    [[nodiscard]] Task<void> send_packet_out(PacketOut packet);
    [[nodiscard]] Task<void> send_packet_out(Bytes payload, PacketMetadata metadata = PacketMetadata());
    // The next packet from the switch; nullopt after close(). Throws ConnectionError when the stream broke.
    [[nodiscard]] Task<std::optional<PacketIn>> next_packet();
    // A packet that arrives after this call; throws TimeoutError.
    [[nodiscard]] Task<PacketIn> expect_packet_in(std::chrono::nanoseconds limit = std::chrono::seconds(5));
    // Calls the handler for each packet, one after another, in a task of this client, so that a slow handler
    // holds up neither the stream nor other handlers. Packets go to next_packet() too once that was called.
    // Gives a number for remove_packet_handler(). The client must be connected.
    using PacketHandler = std::function<Task<void>(PacketIn)>;
    std::uint64_t on_packet_in(PacketHandler handler);
    void remove_packet_handler(std::uint64_t handler) noexcept;

    // --- digests and notifications
    // -------------------------------------------------------------------------- As next_packet().
    [[nodiscard]] Task<std::optional<DigestList>> next_digest();
    // For options with_manual_digest_ack().
    [[nodiscard]] Task<void> acknowledge(DigestList list);
    [[nodiscard]] Task<std::optional<IdleTimeoutNotification>> next_idle_timeout();
    [[nodiscard]] Task<std::optional<StreamError>> next_stream_error();
    // Packets, digest lists, notifications and errors that found their queue full, or made no sense.
    [[nodiscard]] std::uint64_t dropped() const noexcept;

private:
    friend Client make_client(std::shared_ptr<ClientState> state);
    explicit Client(std::shared_ptr<ClientState> state);

    std::shared_ptr<ClientState> state_;
};

}  // namespace weft::p4runtime
