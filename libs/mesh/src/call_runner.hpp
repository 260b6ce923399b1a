// CallRunner: answers the requests that come to a node with its callbacks.
//
// Plain callbacks run where the request is read, coroutines in at most `workers` tasks; what is beyond waits
// in a bounded queue, and what is beyond that is answered with "busy".
#pragma once

#include "link.hpp"
#include "node.hpp"
#include "registry.hpp"

#include <weft/core/queue.hpp>
#include <weft/core/spawn.hpp>
#include <weft/mesh/callbacks.hpp>
#include <weft/mesh/stats.hpp>

#include <memory>
#include <string>
#include <vector>

namespace weft::mesh {

class CallRunner : public std::enable_shared_from_this<CallRunner> {
public:
    CallRunner(const OptionsAccess& options, std::shared_ptr<detail::Registry> registry);

    // Answers `request` on `link`, now or later.
    void accept(const std::shared_ptr<Link>& link, const Frame& request);
    // Cancels what runs and forgets what waits.
    void stop() noexcept;
    // Lets go of the callbacks, for `empty`.
    void release(std::shared_ptr<detail::Registry> empty) noexcept { registry_ = std::move(empty); }
    // Waits until nothing runs and nothing waits.
    [[nodiscard]] static Task<void> drained(std::shared_ptr<CallRunner> self);

    void add_stats(NodeStats& stats) const;

private:
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
    };

    static Task<void> work(std::shared_ptr<CallRunner> self);
    static Task<Value> run(Call& call);
    void run_now(Call call);
    void reply(const Call& call, const Value& result);
    void fail(const Call& call, std::exception_ptr error);
    void refuse(const std::shared_ptr<Link>& link, const Frame& request, const Failure& failure);

    std::string node_;
    std::size_t workers_max_;
    std::size_t queue_bytes_max_;
    std::shared_ptr<detail::Registry> registry_;
    Queue<Call> queue_;
    std::vector<TaskHandle<void>> workers_;
    std::size_t idle_ = 0;     // workers that wait
    std::size_t running_ = 0;  // calls taken and not finished
    std::size_t queued_bytes_ = 0;
    detail::NameMap<MethodStats> stats_;
    Event quiet_;
    bool stopped_ = false;
};

// A failure frame on `link`, answering `request`.
void send_failure(Link& link, std::string_view transmitter, const FrameHeader& request,
                  std::string_view receiver, std::string_view function, Serde serde, const Failure& failure);
// What a remote caller learns of an exception.
[[nodiscard]] Failure describe_failure(const std::exception_ptr& error);
[[nodiscard]] Failure make_failure(std::string type, std::string module, std::string text);

}  // namespace weft::mesh
