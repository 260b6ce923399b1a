// The client's connection, its table of members, and its calls in flight.
#pragma once

#include "call_runner.hpp"
#include "events.hpp"
#include "id_table.hpp"
#include "link.hpp"
#include "node.hpp"
#include "registry.hpp"

#include <weft/core/event.hpp>
#include <weft/core/spawn.hpp>
#include <weft/mesh/client.hpp>

#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

namespace weft::mesh::detail {

class PendingCall;
// The calls of a cast that was sent once, by worker: they have one id.
using SharedId = NameMap<PendingCall*>;

class ClientState final : public LinkHandler,
                          public CallHost,
                          public std::enable_shared_from_this<ClientState> {
public:
    ClientState(OptionsAccess o, std::shared_ptr<Registry> r);

    static Task<void> connect(std::shared_ptr<ClientState> self);
    static Task<void> join(std::shared_ptr<ClientState> self);
    static Task<void> stop(std::shared_ptr<ClientState> self);
    static Task<void> drain(std::shared_ptr<ClientState> self);
    void abort() noexcept;
    // It could not connect: join() throws that.
    void give_up(std::exception_ptr error) noexcept;

    std::optional<Place> place(Link& link, const Frame& head, const Extension* extension,
                               std::size_t size) override;
    void on_frame(Link& link, const Frame& frame) override;
    void on_extension(Link& link, const Frame& frame, const Extension& extension) override;
    void on_end(Link& link, const std::string& reason) noexcept override;
    [[nodiscard]] std::size_t whole_limit(const Link& link, std::string_view member) const override;
    [[nodiscard]] bool inspect(std::string_view what, Value& out) const override;

    // The link; throws Disconnected or Evicted, naming what was tried.
    Link& require_link(const std::string& what) const;
    struct MemberEntry {
        Member member;
        std::size_t in_flight = 0;
        std::uint32_t order = 0;  // of joining; another each time
    };
    // Throws ReceiverNotFound. Without `one` it may leave the choice to a NATS cluster (any_worker).
    const std::string& choose(const CallSpec& spec, const std::string& function, bool one);
    [[nodiscard]] std::vector<std::string> candidates(std::string_view function) const;
    [[nodiscard]] bool offers(std::string_view name, std::string_view function) const;

    // Whether the member ("": the server itself) knows weft's extensions, and everyone on the way to it.
    [[nodiscard]] bool speaks_weft(std::string_view member) const noexcept;
    // Waits until the call could be made again, or will never be: the connection is back and somebody offers
    // the function. False when that is not before `deadline`.
    static Task<bool> callable(std::shared_ptr<ClientState> self, std::vector<std::string> receivers,
                               std::string function, TimePoint deadline);
    // Writes a request; gives its id. Throws EncodeError and BusyError. Large messages need one receiver: it
    // is chosen then. One for every_worker in `names` gives 0 in that case, and nothing is sent.
    std::uint16_t send_request(Link& to, std::string& receiver, const Invocation& invocation,
                               const CallSpec& spec, bool wants_reply,
                               std::string_view names = std::string_view());
    // `order`: of the member that was asked, which may have left since; another may have its name.
    void forget(std::uint16_t id, const std::string& receiver, std::uint32_t order, bool answered,
                SharedId* shared) noexcept;

    OptionsAccess options;
    std::shared_ptr<Registry> registry;
    std::shared_ptr<CallRunner> runner;
    Events events;
    std::shared_ptr<Link> link;  // null, or connected and introduced
    IdTable<PendingCall*> pending;
    NameMap<MemberEntry> members;
    Event changed;  // set and cleared at once, whenever the table of members changes
    NodeStats stats;

private:
    static Task<void> open(std::shared_ptr<ClientState> self);
    static Task<void> open_nats(std::shared_ptr<ClientState> self, NatsServer server);
    static Task<void> begin(std::shared_ptr<ClientState> self, std::unique_ptr<Stream> stream,
                            std::size_t max_frame);
    static Task<void> supervise(std::shared_ptr<ClientState> self);
    void send_in_parts(const std::string& receiver, const Invocation& invocation, FrameHeader header,
                       std::string attributes, Payload data);
    void introduce(Link& to, std::uint16_t id);
    void announce();
    void handshake(const Frame& frame);
    void event(const Frame& frame);
    // The server has given up a member, or the connection that this node had before.
    void evicted(std::string_view who, const std::string& reason);
    void set_member(Member&& member, bool tell);
    void remove_member(const std::string& name, MemberEvent::Kind kind, const std::string& reason);
    void index();
    [[nodiscard]] PendingCall* find_call(const Frame& frame) const noexcept;
    // An id of no call that may still be answered; 0 when there is none for a call of `receiver`.
    std::uint16_t next_id(std::string_view receiver);
    // For what is not answered.
    std::uint16_t any_id() noexcept;
    // An answer that no call waits for.
    void late(const Frame& frame) noexcept;
    Duration backoff(unsigned attempt);

    std::shared_ptr<NatsServers> nats_servers_;
    std::shared_ptr<Link> opening_;  // connected, its handshake not answered yet
    std::string refusal_;
    Event introduced_;
    Event announced_;  // set and cleared at once, whenever the server has answered a handshake of ours
    TaskHandle<void> supervisor_;
    Event finished_;
    std::exception_ptr end_error_;
    std::string lost_reason_ = "it was never connected";
    // Ids of calls that nobody waits for and that may still be answered: by this member (its order), or by
    // several. Such an id is used for calls of other members only, and for those when no other is left.
    IdTable<std::uint32_t> given_up_;
    static constexpr std::uint32_t several = UINT32_MAX;
    // The same, of calls that were lost with a connection, or whose worker is not known: used again when no
    // other is left.
    IdTable<bool> doubtful_;
    NameMap<std::vector<std::string>> by_function_;
    std::minstd_rand random_;
    std::uint32_t joins_ = 0;
    std::size_t robin_ = 0;
    std::uint16_t last_id_ = 1;  // that of the handshake; goes on counting when a connection is lost
    std::unordered_set<std::string, NameHash, std::equal_to<>> weft_members_;
    bool peer_is_weft_ = false;
    bool peer_is_service_ = false;
    bool draining_ = false;  // nothing is offered any more
    bool evicted_ = false;
    bool stopped_ = false;
};

// A call that waits for its answer; lives in the frame of the one who waits.
class PendingCall final : public weft::detail::Waiter, public Timer {
public:
    // `shared`: with others of one cast.
    PendingCall(ClientState& state, std::uint16_t id, std::string& receiver, std::uint64_t begin,
                SharedId* shared = nullptr);
    PendingCall(const PendingCall&) = delete;
    PendingCall& operator=(const PendingCall&) = delete;
    ~PendingCall();

    bool await_ready() { return cancel_pending() || done_; }
    void await_suspend(std::coroutine_handle<> frame) noexcept { park(frame); }
    void await_resume() const { throw_if_cancelled(); }

    enum class End { none, answered, refused, failed, timed_out, lost };
    [[nodiscard]] End end() const noexcept { return end_; }

    [[nodiscard]] const std::string& receiver() const noexcept { return receiver_; }
    // The one with this id that `worker` has to answer.
    [[nodiscard]] PendingCall* of(std::string_view worker) noexcept;
    [[nodiscard]] SharedId* shared() const noexcept { return shared_; }
    [[nodiscard]] bool concerns(std::string_view worker, ExtKind kind) const noexcept;
    // See LinkHandler::place(), for a part of the answer, or the answer behind its parts.
    [[nodiscard]] std::optional<Place> place(const Frame& head, const Extension* extension, std::size_t size);
    // By the connection: a part of the answer, a value of its stream, what the worker has taken of ours.
    void extension(const Frame& frame, const Extension& extension);
    // Whether it is the one asked; else it answers a call before, of the same id.
    [[nodiscard]] bool awaits(std::string_view transmitter) const noexcept;
    // By the connection: the answer is here; decoded at once, since the frame's bytes do not stay.
    void answer(Link& link, const Frame& frame) noexcept;
    void lose(const std::string& reason, std::uint64_t written) noexcept;
    // The worker has left, and nobody will answer for it.
    void desert() noexcept;
    [[nodiscard]] std::uint32_t order() const noexcept { return order_; }

    std::shared_ptr<DuplexState> stream;
    Value value;
    Failure failure;
    std::exception_ptr error;  // of decoding
    std::string reason;
    bool sent = false;

private:
    void unlink_wait() noexcept override { disarm(); }
    void fire() noexcept override { finish(End::timed_out); }
    void finish(End end) noexcept;
    void begin_parts(const Extension& first);
    // Counts the call with the receiver's.
    void count() noexcept;

    ClientState& state_;
    SharedId* shared_;
    PartsReceived parts_;
    PartReceipts receipts_;
    std::string& receiver_;  // of the one who waits: changes once when it was any_worker
    std::uint64_t begin_;
    std::uint32_t order_ = 0;  // of the receiver as a member
    std::uint16_t id_;
    End end_ = End::none;
    bool done_ = false;
};

// The value of a call that has ended; throws what it ended with. `limit` is the one that it had.
[[nodiscard]] Value outcome(PendingCall& call, const std::string& function, std::optional<Duration> limit);
// However often a large argument is sent, it is there once.
void share_body(const CallSpec& spec, Invocation& invocation);

}  // namespace weft::mesh::detail
