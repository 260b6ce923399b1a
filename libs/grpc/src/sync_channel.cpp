// The connections of a blocking channel: each thread keeps its own, in a list that dies with the thread.
#include <weft/core/error.hpp>
#include <weft/core/sleep.hpp>
#include <weft/core/timeout.hpp>
#include <weft/core/tls_context.hpp>
#include <weft/grpc/sync.hpp>
#include <weft/grpc/transport.hpp>

#include <atomic>
#include <thread>
#include <vector>

namespace weft::grpc::sync {

namespace detail {

// What all threads share; it does not change but for `closed`.
class ChannelState : public std::enable_shared_from_this<ChannelState> {
public:
    ChannelState(std::string to, ChannelOptions with, std::optional<TlsContext> secured)
        : target(std::move(to)), options(std::move(with)), tls(std::move(secured)) {}

    [[nodiscard]] grpc::Channel open() const {
        if (tls) return grpc::secure_channel(target, *tls, options);
        return grpc::insecure_channel(target, options);
    }

    const std::string target;
    const ChannelOptions options;
    const std::optional<TlsContext> tls;
    const std::thread::id made_by = std::this_thread::get_id();
    std::atomic<bool> closed = false;
};

namespace {

struct Entry {
    std::weak_ptr<ChannelState> state;
    ThreadChannelPtr here;
};

// A channel that outlives this thread's list, as one with static storage does, finds it gone.
constinit thread_local bool list_gone = false;

struct EntryList {
    ~EntryList() { list_gone = true; }
    std::vector<Entry> entries;
};

std::vector<Entry>& entries() {
    thread_local EntryList list;
    return list.entries;
}

// Runs at the end of a turn and resumes in the next, behind what the loop has then seen of its descriptors.
class NextTurn final : public weft::detail::Waiter, private TurnEnd {
public:
    bool await_ready() { return cancel_pending(); }
    void await_suspend(std::coroutine_handle<> frame) {
        park(frame);
        Loop::current().at_turn_end(*this);
    }
    void await_resume() const { throw_if_cancelled(); }

private:
    void on_turn_end() noexcept override { wake(); }
    void unlink_wait() noexcept override { TurnEnd::unlink(); }
};

Task<void> run_one(UniqueFunction& function) {
    function();
    co_return;
}

}  // namespace

Task<void> catch_up() {
    co_await NextTurn();
    co_await yield();  // to the readers that the turn has woken
}

void ThreadChannel::run_last(UniqueFunction function) const noexcept {
    if (Loop::current_or_null()) return;  // the function dies, and what it owns with it
    try {
        loop.wait(run_one(function));
    } catch (const std::exception&) {  // on a thread that is not its own
    }
}

ThreadChannelPtr of_this_thread(ChannelState& state) {
    const SyncLoop loop = SyncLoop::of_this_thread();
    std::vector<Entry>& list = entries();
    // Channels that are gone.
    std::erase_if(list, [](const Entry& entry) { return entry.state.expired(); });
    ThreadChannelPtr found;
    for (const Entry& entry : list)
        if (entry.state.lock().get() == &state) found = entry.here;
    if (!found) {
        if (state.options.transport_ && state.made_by != std::this_thread::get_id())
            throw UsageError("a blocking channel with a transport of its own was used on another thread");
        found = std::make_shared<ThreadChannel>(loop, state.open());
        list.push_back({state.weak_from_this(), found});
    }
    // Another thread has closed the channel; this thread's connection waits for this moment.
    if (state.closed && found->channel.get_state() != ChannelConnectivity::shutdown)
        loop.wait(found->channel.close());
    return found;
}

}  // namespace detail

using detail::of_this_thread;

Channel::Channel(std::shared_ptr<detail::ChannelState> state) noexcept : state_(std::move(state)) {}

Channel& Channel::operator=(Channel&& other) noexcept {
    Channel old(std::move(other));
    std::swap(state_, old.state_);
    return *this;
}

Channel::~Channel() {
    if (!state_ || detail::list_gone) return;
    std::erase_if(detail::entries(),
                  [this](const detail::Entry& entry) { return entry.state.lock() == state_; });
}

ChannelConnectivity Channel::get_state(bool try_to_connect) {
    const auto here = of_this_thread(*state_);
    return here->run([&] { return here->channel.get_state(try_to_connect); });
}

namespace {

void wait_at_most(const SyncLoop& loop, Duration limit, Task<void> task) {
    if (limit == Duration::max()) return loop.wait(std::move(task));
    loop.wait(timeout(limit, std::move(task)));
}

}  // namespace

void Channel::wait_for_state_change(ChannelConnectivity last, Duration limit) {
    const auto here = of_this_thread(*state_);
    wait_at_most(here->loop, limit, here->channel.wait_for_state_change(last));
}

void Channel::channel_ready(Duration limit) {
    const auto here = of_this_thread(*state_);
    wait_at_most(here->loop, limit, here->channel.channel_ready());
}

std::string Channel::last_connect_error() { return of_this_thread(*state_)->channel.last_connect_error(); }
const std::string& Channel::target() const noexcept { return state_->target; }

void Channel::close(Duration grace) {
    const auto here = of_this_thread(*state_);
    state_->closed = true;
    here->loop.wait(here->channel.close(grace));
}

// The first thread's channel is opened at once, for what it may throw.
Channel insecure_channel(std::string target, ChannelOptions options) {
    Channel channel(
        std::make_shared<detail::ChannelState>(std::move(target), std::move(options), std::nullopt));
    (void)of_this_thread(channel.state());
    return channel;
}

Channel secure_channel(std::string target, const TlsContext& tls, ChannelOptions options) {
    Channel channel(std::make_shared<detail::ChannelState>(std::move(target), std::move(options), tls));
    (void)of_this_thread(channel.state());
    return channel;
}

}  // namespace weft::grpc::sync
