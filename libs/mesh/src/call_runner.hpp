// CallRunner: answers the requests that come to a node with its callbacks.
//
// Plain callbacks run where the request is read, coroutines (and, given a pool of threads, plain ones too) in
// at most `workers` tasks; what is beyond waits in a bounded queue, and what is beyond that is answered with
// "busy".
#pragma once

#include "duplex_state.hpp"
#include "link.hpp"
#include "node.hpp"
#include "parts.hpp"
#include "registry.hpp"

#include <weft/core/queue.hpp>
#include <weft/core/spawn.hpp>
#include <weft/core/timeout.hpp>
#include <weft/mesh/callbacks.hpp>
#include <weft/mesh/stats.hpp>

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <vector>

namespace weft::mesh {

// What a runner asks the node whose calls it runs.
class CallHost {
public:
    // Results above this go to `caller` in parts; SIZE_MAX when it does not know them.
    [[nodiscard]] virtual std::size_t whole_limit(const Link& link, std::string_view caller) const = 0;
    // What this node tells about itself; false when it has nothing of that name to say.
    [[nodiscard]] virtual bool inspect(std::string_view what, Value& out) const = 0;

protected:
    ~CallHost() = default;
};

class CallRunner : public std::enable_shared_from_this<CallRunner> {
public:
    // `host` is asked until stop().
    CallRunner(const OptionsAccess& options, std::shared_ptr<detail::Registry> registry,
               const CallHost& host);

    // Answers `request` on `link`, now or later.
    void accept(const std::shared_ptr<Link>& link, const Frame& request);
    // An extension frame that a caller sent.
    void extension(const std::shared_ptr<Link>& link, const Frame& frame, const Extension& extension);
    // See LinkHandler::place(), for a part of a request.
    [[nodiscard]] std::optional<Place> place(const Link& link, const Frame& head, std::size_t size);
    // A link has ended: what its callers asked for is cancelled, when they are weft's.
    void forget(const Link& link) noexcept;
    // A caller has left, says the router.
    void forget(std::string_view caller) noexcept;
    // Calls that come from now on find no callback.
    void offer_nothing() noexcept { leaving_ = true; }
    // Cancels what runs and forgets what waits.
    void stop() noexcept;
    // Lets go of the callbacks, for `empty`.
    void release(std::shared_ptr<detail::Registry> empty) noexcept { registry_ = std::move(empty); }
    // Waits until nothing runs and nothing waits.
    [[nodiscard]] static Task<void> drained(std::shared_ptr<CallRunner> self);

    void add_stats(NodeStats& stats) const;
    // The node's messages in parts, its own requests' too.
    [[nodiscard]] PartSenders& senders() noexcept { return senders_; }

private:
    using Key = std::tuple<const Link*, std::string, std::uint16_t>;
    struct Call {
        Call() {}
        std::shared_ptr<detail::Callback> callback;
        std::shared_ptr<Link> link;
        Arguments args;
        CallInfo info;
        FrameHeader header;
        std::size_t size = 0;
        TimePoint deadline{};  // epoch: none
        MethodStats* stats = nullptr;
        std::uint64_t number = 0;  // in the order of coming

        [[nodiscard]] Key key() const { return Key(link.get(), info.caller, header.id); }
    };
    // A call that a worker runs; lives in its frame.
    struct Running {
        Call* call = nullptr;
        TimeoutScope* scope = nullptr;
        bool cancelled = false;
    };
    // A request that comes in parts.
    struct Incoming {
        std::shared_ptr<Link> link;
        FrameHeader header;
        std::string function;
        CallInfo info;
        std::size_t size = 0;
        PartsReceived parts;
        PartReceipts receipts;
    };

    static Task<void> work(std::shared_ptr<CallRunner> self);
    static Task<Value> run(CallRunner& self, Call& call);
    // Runs one call; gives its error.
    static Task<std::exception_ptr> finish(std::shared_ptr<CallRunner> self, Call& call);
    // A call from the queue that is not to be run, and has been answered where anybody waits for that.
    bool unwanted(const Call& call);
    // Tells those who drain when nothing runs or waits.
    void settle() noexcept;
    // `payload`: what request.data points to, when it may be taken over.
    void take(const std::shared_ptr<Link>& link, const Frame& request, CallInfo info,
              Bytes* payload = nullptr);
    void take_extended(const std::shared_ptr<Link>& link, const Frame& frame, const Extension& extension);
    void take_part(const std::shared_ptr<Link>& link, const Frame& frame, const Extension& extension);
    void take_item(const Key& key, const Frame& frame, const Extension& extension);
    void cancel(const std::shared_ptr<Link>& link, const Key& key);
    void run_now(Call call);
    void tell(const std::shared_ptr<Link>& link, const Frame& request);
    void reply(const Call& call, Value result);
    void fail(const Call& call, std::exception_ptr error);
    void refuse(const std::shared_ptr<Link>& link, const Frame& request, const Failure& failure);
    // Whether the call finds nothing here, and has been told so.
    bool refuse_leaving(const std::shared_ptr<Link>& link, const Frame& request);
    void forget_if(const std::function<bool(const Link*, std::string_view)>& gone) noexcept;

    std::string node_;
    const CallHost* host_;
    ThreadPool* pool_;
    std::size_t workers_max_;
    std::size_t queue_bytes_max_;
    std::size_t message_limit_;
    std::shared_ptr<detail::Registry> registry_;
    Queue<Call> queue_;
    std::vector<TaskHandle<void>> workers_;
    std::vector<Running*> running_calls_;
    std::map<Key, Incoming> incoming_;
    std::map<Key, std::shared_ptr<detail::DuplexState>> streams_;
    // Of those that wait in the queue: the calls of that key with lower numbers.
    std::map<Key, std::uint64_t> cancelled_;
    std::uint64_t last_number_ = 0;
    std::uint64_t last_taken_ = 0;  // from the queue
    std::uint64_t pruned_at_ = 0;   // last_taken_, when cancelled_ was last looked through
    PartSenders senders_;
    std::size_t idle_ = 0;     // workers that wait
    std::size_t running_ = 0;  // calls taken and not finished
    std::size_t queued_bytes_ = 0;
    std::size_t incoming_bytes_ = 0;
    detail::NameMap<MethodStats> stats_;
    Event quiet_;
    bool leaving_ = false;
    bool stopped_ = false;
};

// The bytes of a value that is one large thing; 0 for all others.
[[nodiscard]] std::size_t large_size(const Value& value) noexcept;
// A failure frame on `link`, answering `request`.
void send_failure(Link& link, std::string_view transmitter, const FrameHeader& request,
                  std::string_view receiver, std::string_view function, Serde serde, const Failure& failure);
// A result, in the request's own serialiser. False when it is larger than a frame may be.
[[nodiscard]] bool send_result(Link& link, std::string_view transmitter, const Frame& request,
                               const Value& result);
// What a remote caller learns of an exception.
[[nodiscard]] Failure describe_failure(const std::exception_ptr& error);
[[nodiscard]] Failure make_failure(std::string type, std::string module, std::string text);

}  // namespace weft::mesh
