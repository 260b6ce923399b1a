// A P4 software switch without ports: packets in, packets out, and the control interface.
//
// Everything is synchronous and belongs to one thread: process() runs a packet and all its copies to
// completion. The clock is the caller's. What a packet or a program breaks at run time is dropped and
// counted, never thrown.
#pragma once

#include <weft/p4switch/entry.hpp>
#include <weft/p4switch/program.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace weft::p4switch {

class Engine;  // private: src/engine.hpp

struct SwitchOptions {
    std::uint32_t drop_port = p4switch::drop_port;
    // v1model's priority field has three bits. A packet with a priority beyond the queues is dropped.
    std::uint32_t priority_queues = 8;
    // Copies (clones, replicas, resubmissions, recirculations) that one packet may cause; the rest is
    // dropped.
    std::uint32_t max_copies = 4096;
    std::uint64_t random_seed = 1;
};

struct Statistics {
    std::uint64_t received = 0;
    std::uint64_t transmitted = 0;
    std::uint64_t dropped = 0;            // by the program, in ingress or egress, or for want of replicas
    std::uint64_t parser_errors = 0;      // passes that went on with parser_error set
    std::uint64_t failed_assertions = 0;  // assert and assume; the packet was dropped
    std::uint64_t limited = 0;            // dropped by a limit: max_copies, endless actions or pipelines
};

// Where the packets go. The bytes are valid during the call only; the switch must not be used inside it.
class PacketSink {
public:
    virtual ~PacketSink() = default;
    virtual void transmit(std::uint32_t port, std::span<const std::uint8_t> bytes) = 0;
};

class Switch {
public:
    explicit Switch(Program program, SwitchOptions options = {});
    ~Switch();
    Switch(Switch&&) noexcept;
    Switch& operator=(Switch&&) noexcept;

    // Runs a packet that arrived on `port`. `now` counts from the start of the switch and never goes back.
    void process(std::uint32_t port, std::span<const std::uint8_t> bytes, std::chrono::nanoseconds now,
                 PacketSink& sink);

    // The time for control operations that need one (idle timeouts, meters); process() sets it, too.
    void set_time(std::chrono::nanoseconds now);

    [[nodiscard]] const Program& program() const { return program_; }
    [[nodiscard]] Statistics statistics() const;

    // Tables. An entry is named by its match and priority; the rest of the argument is not looked at by
    // remove(), entry(), set_direct_counter() and set_direct_meter(). Throw UnknownNameError, InvalidError,
    // DuplicateError (insert), NotFoundError (others), FullError, ConstantError.
    void insert(const std::string& table, const TableEntry& entry);
    // Replaces the action (unless it is left out), idle timeout, metadata and meter; the counter when given.
    void modify(const std::string& table, const TableEntry& entry);
    void remove(const std::string& table, const TableEntry& entry);
    [[nodiscard]] TableEntry entry(const std::string& table, const TableEntry& key) const;
    [[nodiscard]] std::vector<TableEntry> entries(const std::string& table) const;
    [[nodiscard]] std::size_t entry_count(const std::string& table) const;
    void set_default_action(const std::string& table, const ActionCall& call);
    void reset_default_action(const std::string& table);
    [[nodiscard]] std::optional<ActionCall> default_action(const std::string& table) const;
    void set_direct_counter(const std::string& table, const TableEntry& key, CounterData data);
    void set_direct_meter(const std::string& table, const TableEntry& key, std::optional<MeterConfig> config);
    // Entries that became idle since the last sweep; call it about once a second.
    [[nodiscard]] std::vector<IdleEntry> sweep_idle(std::chrono::nanoseconds now);

    // Arrays; an index beyond the size is an OutOfRangeError.
    [[nodiscard]] CounterData counter(const std::string& name, std::uint32_t index) const;
    void set_counter(const std::string& name, std::uint32_t index, CounterData data);
    [[nodiscard]] std::optional<MeterConfig> meter(const std::string& name, std::uint32_t index) const;
    void set_meter(const std::string& name, std::uint32_t index, std::optional<MeterConfig> config);
    [[nodiscard]] std::string register_value(const std::string& name, std::uint32_t index) const;
    void set_register(const std::string& name, std::uint32_t index, const std::string& value);

    // Action profiles. A member or group in use cannot be removed (InUseError).
    void insert_member(const std::string& profile, const Member& member);
    void modify_member(const std::string& profile, const Member& member);
    void remove_member(const std::string& profile, std::uint32_t id);
    [[nodiscard]] std::vector<Member> members(const std::string& profile) const;
    void insert_group(const std::string& profile, const Group& group);
    void modify_group(const std::string& profile, const Group& group);
    void remove_group(const std::string& profile, std::uint32_t id);
    [[nodiscard]] std::vector<Group> groups(const std::string& profile) const;
    // Members that watch a port which is down are not chosen.
    void set_port_up(std::uint32_t port, bool up);

    // Replaces all members of a parser value set; a member is the values of its fields, in key order.
    void set_value_set(const std::string& name, const std::vector<std::vector<std::string>>& members);
    [[nodiscard]] std::vector<std::vector<std::string>> value_set(const std::string& name) const;

    // Packet replication. Groups are 1 … 65535, sessions 1 … 32767; the same replica twice is an
    // InvalidError.
    void insert_multicast_group(std::uint32_t id, const std::vector<Replica>& replicas);
    void modify_multicast_group(std::uint32_t id, const std::vector<Replica>& replicas);
    void remove_multicast_group(std::uint32_t id);
    [[nodiscard]] std::vector<std::pair<std::uint32_t, std::vector<Replica>>> multicast_groups() const;
    void insert_clone_session(std::uint32_t id, const CloneSession& session);
    void modify_clone_session(std::uint32_t id, const CloneSession& session);
    void remove_clone_session(std::uint32_t id);
    [[nodiscard]] std::vector<std::pair<std::uint32_t, CloneSession>> clone_sessions() const;

    // Called inside process() for each sample, nothing suppressed; and for each log_msg of the program. The
    // callbacks must not use the switch.
    void on_digest(std::function<void(const Digest&)> callback);
    void on_log(std::function<void(const std::string&)> callback);

private:
    Program program_;
    std::unique_ptr<Engine> engine_;
};

}  // namespace weft::p4switch
