// The router's tables: who is connected, what they offer, and which calls are on their way.
#pragma once

#include "acceptor.hpp"
#include "events.hpp"
#include "evictions.hpp"
#include "id_table.hpp"
#include "link.hpp"
#include "member_list.hpp"
#include "method_table.hpp"
#include "node.hpp"
#include "registry.hpp"

#include <weft/mesh/router.hpp>

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

namespace weft::mesh {

class Router::State final : public LinkHandler, public std::enable_shared_from_this<Router::State> {
public:
    explicit State(Options o) : options(std::move(o)) {}

    void start();
    void abort(const std::string& reason) noexcept;
    static Task<void> join(std::shared_ptr<State> self);
    static Task<void> stop(std::shared_ptr<State> self);

    void on_frame(Link& link, const Frame& frame) override;
    void on_extension(Link& link, const Frame& frame, const Extension& extension) override;
    void on_end(Link& link, const std::string& reason) noexcept override;

    [[nodiscard]] std::vector<Member> members() const;
    [[nodiscard]] NodeStats stats() const;

    OptionsAccess options;
    Events events;
    std::shared_ptr<Acceptor> acceptor;

private:
    struct Peer;
    struct Entry {
        Member member;
        // Each with its place in methods_; `none` until it is called.
        detail::NameMap<MethodTable::Index> methods;
        Peer* peer = nullptr;
        std::uint64_t order = 0;
    };
    // A call that was forwarded and not answered.
    struct InFlight {
        TimePoint since{};
        std::uint32_t worker = 0;  // the number of its peer
        MethodTable::Index method = MethodTable::none;
        friend bool operator==(const InFlight&, const InFlight&) = default;
    };
    // One connection; several members may stand behind it.
    struct Peer {
        std::shared_ptr<Link> link;
        std::uint32_t number = 0;
        std::vector<Entry*> entries;
        std::vector<std::string> names;  // of those, when it has gone
        // What this peer has called, by id.
        IdTable<InFlight> in_flight;
        // Calls that this peer has to answer.
        std::size_t to_answer = 0;
        std::string given_up;  // why, when it does not read
        bool joined = false;
        bool refused = false;
    };

    void accepted(std::shared_ptr<Link> link);
    void handshake(Peer& peer, const Frame& frame);
    void refuse(Peer& peer, const Frame& frame, const std::string& why);
    void request(Peer& peer, const Frame& frame);
    void answer(Peer& peer, const Frame& frame);
    void answer_not_found(Peer& peer, const Frame& frame);
    void answer_failure(Peer& peer, const Frame& frame, const Failure& failure);
    // The call is no longer on its way, and has had no result.
    void lost(const InFlight& call) noexcept;
    // Whether the connection may have these members beside those that it has.
    static bool within_limits(const Peer& peer, const Handshake& asked);
    void set_methods(Entry& entry, const std::vector<std::string>& names);
    // Where the calls of an entry's method are counted.
    MethodTable::Index place_of(detail::NameMap<MethodTable::Index>::value_type& method);
    bool forward(Peer& from, Peer& to, const Frame& frame);
    // Gives the peer up when too much waits for it.
    void limit_queue(Peer& peer);
    void evict(Peer& peer);
    void remove_entry(Entry& entry, MemberEvent::Kind kind, const std::string& reason);
    void fail_calls_to(Peer& worker);
    void cancel_calls_of(Peer& caller);
    void relay(Peer& peer, const Frame& frame);
    // Answers a question about the router itself.
    void tell(Peer& peer, const Frame& frame);
    static void tell_eviction(Peer& to, std::string_view name, const std::string& reason);
    static void send_peers(Peer& to, std::string_view names);
    void send_own_members(Peer& peer, const std::vector<Entry*>& joined);
    [[nodiscard]] std::vector<const Entry*> ordered_entries() const;
    void broadcast_event(std::string_view type, std::string_view name, const Peer* but);
    // Sends a frame to all who have joined and are `wanted`; they share its bytes.
    template <class Wanted>
    void broadcast(const Buffer& frame, Wanted wanted);
    void send_members(Peer& to, std::uint16_t id, std::string_view joiner);
    void send_event(Peer& peer, std::string_view type, std::string_view name);
    [[nodiscard]] std::vector<const Member*> ordered() const;
    [[nodiscard]] Peer* find_peer(std::uint32_t number) const noexcept;

    std::unordered_map<const Link*, std::unique_ptr<Peer>> peers_;
    std::unordered_map<std::uint32_t, Peer*> by_number_;
    detail::NameMap<std::unique_ptr<Entry>> entries_;
    // Frames for many, one behind the other; a full one is left to those who still have to write it.
    std::shared_ptr<Buffer> log_;
    MemberList list_;
    Evictions evictions_;
    MethodTable methods_;
    NodeStats stats_;
    Event empty_;
    std::uint64_t joins_ = 0;
    std::uint32_t last_number_ = 0;
};

}  // namespace weft::mesh
