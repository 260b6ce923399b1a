// The run-time state of a switch and the path of a packet through it (v1model, as BMv2's simple_switch has
// it).
//
//   process ─ run_ingress: parse, verify checksums, ingress
//           ─ finish_ingress: clone, digest, resubmit | multicast | drop | unicast
//           ─ run_egress: egress, clone, drop | update checksums, deparse, recirculate | transmit
//
// Copies wait in one queue inside process() and are run to completion before it returns.
#pragma once

#include "action_profile.hpp"
#include "compiled.hpp"
#include "meter.hpp"
#include "table.hpp"

#include <weft/p4switch/switch.hpp>

#include <deque>
#include <map>
#include <memory>
#include <random>
#include <span>
#include <vector>

namespace weft::p4switch {

struct RegisterArray {
    std::uint32_t limbs = 1;
    std::vector<std::uint64_t> cells;
};

class Engine {
public:
    Engine(std::shared_ptr<const Compiled> program, SwitchOptions options);

    void process(std::uint32_t port, std::span<const std::uint8_t> bytes, std::chrono::nanoseconds now,
                 PacketSink& sink);

    const std::shared_ptr<const Compiled> program;
    const SwitchOptions options;
    std::chrono::nanoseconds now{0};
    PortSet down_ports;
    std::vector<std::unique_ptr<ActionProfile>> profiles;
    std::vector<std::unique_ptr<Table>> tables;
    std::vector<std::vector<CounterData>> counters;
    std::vector<std::vector<MeterCell>> meters;
    std::vector<RegisterArray> registers;
    std::vector<std::vector<std::vector<std::uint8_t>>> value_sets;  // members without padding, left aligned
    std::map<std::uint32_t, std::vector<Replica>> groups;
    std::map<std::uint32_t, CloneSession> sessions;
    std::function<void(const Digest&)> on_digest;
    std::function<void(const std::string&)> on_log;
    Statistics statistics;

private:
    struct Packet {
        explicit Packet(const Layout& layout) : phv(layout) {}
        Phv phv;
        std::span<const std::uint8_t> input;  // as it entered this pass
        std::uint32_t position = 0;           // of the parser; then the start of the payload
        std::uint32_t received = 0;           // length for counters and meters
        std::int64_t length = 0;              // received + headers added - headers removed
        std::uint32_t truncate = 0xffffffff;
        std::uint32_t ingress_port = 0;
        std::uint32_t egress_port = 0;
        bool in_egress = false;
        bool exit = false;
        bool failed = false;  // an assertion or a limit: drop
        std::uint32_t clone_session = none, clone_list = 0;
        std::uint32_t resubmit_list = 0, recirculate_list = 0, digest_list = 0;
    };

    // engine_path.cpp
    Packet* acquire();
    void release(Packet* packet) { free_.push_back(packet); }
    void start_pass(Packet& packet, std::span<const std::uint8_t> input);
    void clear_requests(Packet& packet);
    void run_ingress(Packet* packet);
    void finish_ingress(Packet* packet);
    void clone_ingress(const Packet& original);
    void clone_egress(const Packet& original);
    void resubmit(const Packet& original);
    void recirculate(const Packet& original, std::span<const std::uint8_t> bytes);
    void replicate(Packet* copy, const CloneSession& session);
    void multicast(const Packet& original, const std::vector<Replica>& replicas, std::uint32_t type);
    void enqueue(Packet* packet, std::uint32_t port, std::uint32_t type, std::uint16_t instance);
    void run_egress(Packet* packet, PacketSink& sink);
    void send_digest(const Packet& packet);
    void drop_metadata(Packet& packet, const Packet& source, std::uint32_t list);
    void push(Packet* packet);
    [[nodiscard]] std::uint64_t get(const Packet& packet, std::uint32_t field) const {
        return field == none ? 0 : load(packet.phv, program->layout.fields[field]);
    }
    void set(Packet& packet, std::uint32_t field, std::uint64_t value) {
        if (field != none) store(packet.phv, program->layout.fields[field], value);
    }

    // engine_parser.cpp
    void parse(Packet& packet);
    std::uint64_t run_parser(Packet& packet);
    std::uint64_t run_parser_op(Packet& packet, const Op& op);
    std::uint64_t extract(Packet& packet, std::uint32_t header, std::uint32_t var_bytes);
    [[nodiscard]] const Transition* select(const Packet& packet, const ParserState& state);
    std::span<const std::uint8_t> deparse(Packet& packet);

    // engine_ops.cpp
    void run_pipeline(Packet& packet, std::uint32_t node);
    std::uint32_t apply(Packet& packet, Table& table);
    void run_ops(Packet& packet, OpRange range, const std::uint64_t* params);
    void run_op(Packet& packet, const Op& op, const EvalContext& context);
    void run_header_op(Packet& packet, const Op& op, const EvalContext& context);
    void run_extern_op(Packet& packet, const Op& op, const EvalContext& context);
    [[nodiscard]] std::uint32_t target(const Op& op, const EvalContext& context) const {
        return op.lvalue ? evaluate_field(context, op.a) : op.a;
    }
    void write(Packet& packet, std::uint32_t field, std::uint64_t value);
    void make_valid(Packet& packet, std::uint32_t header);
    void assign_header(Packet& packet, std::uint32_t to, std::uint32_t from);
    void shift_stack(Packet& packet, const std::vector<std::uint32_t>& elements, std::uint32_t& next,
                     std::int64_t by, bool unions);
    void log_message(const LogMessage& message, const EvalContext& context);
    std::uint64_t calculate(const Packet& packet, std::uint32_t calculation);
    void verify_checksums(Packet& packet);
    void update_checksums(Packet& packet);

    std::vector<std::unique_ptr<Packet>> pool_;
    std::vector<Packet*> free_;
    std::vector<Packet*> queue_;
    std::size_t head_ = 0;
    std::uint32_t budget_ = 0;  // copies that the packet in hand may still make
    std::deque<std::vector<std::uint8_t>> recirculated_;
    std::size_t recirculated_used_ = 0;
    std::vector<std::uint8_t> output_;
    std::vector<std::uint8_t> hash_input_;
    std::vector<std::uint64_t> key_;
    std::vector<std::uint8_t> transition_key_, compressed_key_;
    std::vector<std::uint64_t> round_robin_;
    std::mt19937_64 random_;
};

}  // namespace weft::p4switch
