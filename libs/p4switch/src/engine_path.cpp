// The path of a packet: passes, copies, queues.
#include "engine.hpp"
#include "key_value.hpp"

namespace weft::p4switch {
namespace {

// instance_type of a packet (simple_switch).
enum : std::uint32_t {
    normal = 0,
    ingress_clone = 1,
    egress_clone = 2,
    recirculated = 4,
    replica = 5,
    resubmitted = 6
};

std::uint64_t microseconds(std::chrono::nanoseconds time) {
    return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(time).count());
}

}  // namespace

Engine::Engine(std::shared_ptr<const Compiled> compiled, SwitchOptions chosen)
    : program(std::move(compiled)),
      options(chosen),
      key_(program->max_key_words + 1),
      transition_key_(program->max_transition_bytes + 8),
      compressed_key_(program->max_transition_bytes + 8),
      round_robin_(program->round_robins),
      random_(chosen.random_seed) {
    for (const ProfileDef& profile : program->profiles)
        profiles.push_back(std::make_unique<ActionProfile>(*program, profile, down_ports));
    for (const TableDef& definition : program->tables) {
        ActionProfile* profile = definition.profile == none ? nullptr : profiles[definition.profile].get();
        tables.push_back(std::make_unique<Table>(*program, definition, profile, down_ports));
        for (const TableEntry& entry : definition.fixed) tables.back()->insert(entry, now, true);
    }
    for (const CounterDef& array : program->counters) counters.emplace_back(array.size);
    for (const MeterDef& array : program->meters) meters.emplace_back(array.size);
    for (const RegisterDef& array : program->registers) {
        RegisterArray cells;
        cells.limbs = (array.width + 63) / 64;
        cells.cells.resize(std::size_t{array.size} * cells.limbs);
        registers.push_back(std::move(cells));
    }
    value_sets.resize(program->value_sets.size());
}

Engine::Packet* Engine::acquire() {
    if (free_.empty()) {
        pool_.push_back(std::make_unique<Packet>(program->layout));
        return pool_.back().get();
    }
    Packet* packet = free_.back();
    free_.pop_back();
    return packet;
}

void Engine::clear_requests(Packet& packet) {
    packet.exit = false;
    packet.clone_session = none;
    packet.clone_list = packet.resubmit_list = packet.digest_list = 0;
}

void Engine::start_pass(Packet& packet, std::span<const std::uint8_t> input) {
    packet.input = input;
    packet.position = 0;
    packet.received = static_cast<std::uint32_t>(input.size());
    packet.length = packet.received;
    packet.truncate = 0xffffffff;
    packet.ingress_port = packet.egress_port = 0;
    packet.in_egress = packet.failed = false;
    packet.recirculate_list = 0;
    clear_requests(packet);
    packet.phv.reset();
}

void Engine::push(Packet* packet) {
    if (budget_ == 0) {
        ++statistics.limited;
        release(packet);
        return;
    }
    --budget_;
    queue_.push_back(packet);
}

void Engine::process(std::uint32_t port, std::span<const std::uint8_t> bytes, std::chrono::nanoseconds time,
                     PacketSink& sink) {
    now = time;
    ++statistics.received;
    budget_ = options.max_copies;
    Packet* packet = acquire();
    start_pass(*packet, bytes);
    packet->ingress_port = port;
    set(*packet, program->standard.ingress_port, port);
    set(*packet, program->standard.packet_length, packet->received);
    set(*packet, program->standard.ingress_timestamp, microseconds(now));
    queue_.push_back(packet);
    while (head_ < queue_.size()) {
        Packet* next = queue_[head_++];
        if (next->in_egress)
            run_egress(next, sink);
        else
            run_ingress(next);
    }
    queue_.clear();
    head_ = 0;
    recirculated_used_ = 0;
}

void Engine::run_ingress(Packet* packet) {
    parse(*packet);
    if (!packet->failed) {
        verify_checksums(*packet);
        run_pipeline(*packet, program->ingress);
    }
    if (packet->failed) {
        ++statistics.dropped;
        release(packet);
        return;
    }
    finish_ingress(packet);
}

void Engine::finish_ingress(Packet* packet) {
    const StandardFields& standard = program->standard;
    if (packet->clone_session != none) clone_ingress(*packet);
    if (packet->digest_list != 0) send_digest(*packet);
    if (packet->resubmit_list != 0) {
        resubmit(*packet);
        release(packet);
        return;
    }
    if (const auto group = static_cast<std::uint32_t>(get(*packet, standard.mcast_grp)); group != 0) {
        const auto found = groups.find(group);
        if (found == groups.end() || found->second.empty())
            ++statistics.dropped;
        else
            multicast(*packet, found->second, replica);
        release(packet);
        return;
    }
    const auto port = static_cast<std::uint32_t>(get(*packet, standard.egress_spec));
    if (port == options.drop_port) {
        ++statistics.dropped;
        release(packet);
        return;
    }
    enqueue(packet, port, normal, static_cast<std::uint16_t>(get(*packet, standard.egress_rid)));
}

// Takes the packet over. A packet with a priority for which there is no queue is dropped.
void Engine::enqueue(Packet* packet, std::uint32_t port, std::uint32_t type, std::uint16_t instance) {
    const StandardFields& standard = program->standard;
    if (get(*packet, standard.priority) >= options.priority_queues) {
        ++statistics.dropped;
        release(packet);
        return;
    }
    packet->egress_port = port;
    packet->in_egress = true;
    clear_requests(*packet);
    set(*packet, standard.instance_type, type);
    set(*packet, standard.egress_rid, instance);
    set(*packet, standard.enq_timestamp, microseconds(now));
    // Nothing waits in a queue here, so the depths are those of an idle switch.
    set(*packet, standard.enq_qdepth, 0);
    push(packet);
}

void Engine::multicast(const Packet& original, const std::vector<Replica>& replicas, std::uint32_t type) {
    for (const Replica& target : replicas) {
        Packet* copy = acquire();
        *copy = original;
        // A truncation belongs to one packet, and a request to recirculate does not survive replication.
        if (type == replica) copy->truncate = 0xffffffff;
        copy->recirculate_list = 0;
        enqueue(copy, target.port, type, target.instance);
    }
}

// Zeroes all metadata of a copy and gives it the fields of the list from the packet that it was made of.
void Engine::drop_metadata(Packet& packet, const Packet& source, std::uint32_t list) {
    const Layout& layout = program->layout;
    for (const Header& header : layout.headers)
        if (header.metadata) std::memset(packet.phv.bytes.data() + header.offset, 0, header.storage);
    if (list >= program->field_lists.size()) return;
    for (std::uint32_t field : program->field_lists[list])
        copy_field(packet.phv, source.phv, layout.fields[field]);
}

// Takes the copy over.
void Engine::replicate(Packet* copy, const CloneSession& session) {
    if (session.packet_length != 0) copy->truncate = session.packet_length;
    const auto type = static_cast<std::uint32_t>(get(*copy, program->standard.instance_type));
    if (session.multicast_group != 0) {
        const auto found = groups.find(session.multicast_group);
        if (found != groups.end()) multicast(*copy, found->second, type);
    }
    multicast(*copy, session.replicas, type);
    release(copy);
}

void Engine::clone_ingress(const Packet& original) {
    const auto session = sessions.find(original.clone_session);
    if (session == sessions.end()) return;
    const StandardFields& standard = program->standard;
    Packet* copy = acquire();
    start_pass(*copy, original.input);
    copy->ingress_port = original.ingress_port;
    // The parser of a clone sees the port; what it writes to metadata is wiped afterwards.
    set(*copy, standard.ingress_port, original.ingress_port);
    static_cast<void>(run_parser(*copy));
    drop_metadata(*copy, original, original.clone_list);
    copy->length = copy->received = original.received;
    clear_requests(*copy);
    set(*copy, standard.instance_type, ingress_clone);
    set(*copy, standard.packet_length, copy->received);
    replicate(copy, session->second);
}

void Engine::clone_egress(const Packet& original) {
    const auto session = sessions.find(original.clone_session);
    if (session == sessions.end()) return;
    Packet* copy = acquire();
    *copy = original;
    copy->truncate = 0xffffffff;
    drop_metadata(*copy, original, original.clone_list);
    set(*copy, program->standard.instance_type, egress_clone);
    set(*copy, program->standard.packet_length, static_cast<std::uint64_t>(copy->length));
    replicate(copy, session->second);
}

void Engine::resubmit(const Packet& original) {
    Packet* copy = acquire();
    start_pass(*copy, original.input);
    drop_metadata(*copy, original, original.resubmit_list);
    set(*copy, program->standard.instance_type, resubmitted);
    set(*copy, program->standard.packet_length, copy->received);
    copy->ingress_port = static_cast<std::uint32_t>(get(*copy, program->standard.ingress_port));
    push(copy);
}

void Engine::recirculate(const Packet& original, std::span<const std::uint8_t> bytes) {
    if (recirculated_used_ == recirculated_.size()) recirculated_.emplace_back();
    std::vector<std::uint8_t>& kept = recirculated_[recirculated_used_++];
    kept.assign(bytes.begin(), bytes.end());
    Packet* copy = acquire();
    start_pass(*copy, kept);
    drop_metadata(*copy, original, original.recirculate_list);
    set(*copy, program->standard.instance_type, recirculated);
    set(*copy, program->standard.packet_length, copy->received);
    copy->ingress_port = static_cast<std::uint32_t>(get(*copy, program->standard.ingress_port));
    push(copy);
}

void Engine::send_digest(const Packet& packet) {
    if (!on_digest || packet.digest_list >= program->digest_by_id.size()) return;
    const std::uint32_t index = program->digest_by_id[packet.digest_list];
    if (index == none) return;
    const DigestDef& definition = program->digests[index];
    Digest digest;
    digest.name = definition.name;
    for (std::uint32_t field : definition.fields) {
        const Field& at = program->layout.fields[field];
        digest.values.push_back(canonical_bytes(load_wide(packet.phv, at), at.width));
    }
    on_digest(digest);
}

void Engine::run_egress(Packet* packet, PacketSink& sink) {
    const StandardFields& standard = program->standard;
    set(*packet, standard.egress_port, packet->egress_port);
    set(*packet, standard.egress_spec, options.drop_port + 1);
    set(*packet, standard.egress_timestamp, microseconds(now));
    set(*packet, standard.packet_length, static_cast<std::uint64_t>(packet->length));
    set(*packet, standard.deq_timedelta, 0);
    set(*packet, standard.deq_qdepth, 0);
    set(*packet, standard.qid, get(*packet, standard.priority));
    run_pipeline(*packet, program->egress);
    if (!packet->failed && packet->clone_session != none) clone_egress(*packet);
    if (packet->failed || get(*packet, standard.egress_spec) == options.drop_port) {
        ++statistics.dropped;
        release(packet);
        return;
    }
    const std::span<const std::uint8_t> bytes = deparse(*packet);
    if (packet->recirculate_list != 0) {
        recirculate(*packet, bytes);
    } else {
        ++statistics.transmitted;
        sink.transmit(packet->egress_port,
                      bytes.first(std::min<std::size_t>(bytes.size(), packet->truncate)));
    }
    release(packet);
}

}  // namespace weft::p4switch
