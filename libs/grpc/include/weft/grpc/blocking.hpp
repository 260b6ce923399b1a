// Handlers that block, on a pool of the user's: what grpc.aio's migration_thread_pool is for.
//
//     Task<Reply> Say(ServerContext& context, Request request) override {
//         return grpc::run_blocking(pool_, context, [request](grpc::BlockingContext& context) {
//             return say_slowly(context, request);                  // on a thread of the pool
//         });
//     }
//     Task<void> List(ServerContext& context, Request request, ServerWriter<Reply>& responses) override {
//         return grpc::run_blocking(pool_, context, responses,
//             [request](grpc::BlockingContext&, grpc::BlockingWriter<Reply>& responses) { … });
//     }
//
// When the call is over (its client gone, its deadline passed, the server stopping), the coroutine ends and
// the function goes on to its end: what it calls here throws Cancelled from then on. So it must own what it
// uses.
#pragma once

#include <weft/core/event.hpp>
#include <weft/core/spawn.hpp>
#include <weft/core/to_thread.hpp>
#include <weft/grpc/server_context.hpp>
#include <weft/grpc/server_stream.hpp>

#include <deque>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace weft::grpc {

namespace detail {

// What a function on a thread wants done on the loop.
class BlockingOperation {
public:
    BlockingOperation() = default;
    BlockingOperation(const BlockingOperation&) = delete;
    BlockingOperation& operator=(const BlockingOperation&) = delete;
    virtual ~BlockingOperation() = default;
    // Never throws but Cancelled; keeps the outcome for the thread.
    virtual Task<void> run() = 0;
};

// The handler on the loop, and its function on a thread. Shared by both.
class BlockingBridge : public std::enable_shared_from_this<BlockingBridge> {
public:
    explicit BlockingBridge(Loop& loop) noexcept : loop_(&loop) {}

    // On the thread: gives `operation` to the loop. Throws Cancelled when the handler has ended.
    void submit(std::unique_ptr<BlockingOperation> operation);
    // On the thread: the function has ended, or never will begin.
    void finish() noexcept;
    [[nodiscard]] bool closed() const noexcept;

    // On the loop: does what the function wants until it has ended.
    Task<void> serve();
    // On the loop: the handler ends.
    void close() noexcept;

    // On the thread: makes the task on the loop, and waits for it there. Throws what it throws.
    template <class F>
    auto on_loop(F make_task) {
        using T = typename std::invoke_result_t<F&>::value_type;
        class Operation final : public BlockingOperation {
        public:
            explicit Operation(F f) : make_task_(std::move(f)) {}
            Task<void> run() override {
                try {
                    if constexpr (std::is_void_v<T>) {
                        co_await make_task_();
                        outcome.set_value();
                    } else {
                        T value = co_await make_task_();
                        outcome.set_value(std::move(value));
                    }
                } catch (const Cancelled&) {
                    outcome.set_exception(std::current_exception());
                    throw;
                } catch (...) {
                    outcome.set_exception(std::current_exception());
                }
            }
            std::promise<T> outcome;

        private:
            F make_task_;
        };
        auto operation = std::make_unique<Operation>(std::move(make_task));
        std::future<T> outcome = operation->outcome.get_future();
        submit(std::move(operation));
        try {
            return outcome.get();
        } catch (const std::future_error&) {
            throw Cancelled();  // the handler ended before it was done
        }
    }

private:
    mutable std::mutex mutex_;
    Loop* loop_;  // guarded by mutex_; null when the handler has ended
    // On the loop only.
    std::deque<std::unique_ptr<BlockingOperation>> operations_;
    Event changed_;
    bool finished_ = false;
};

class CloseBridge {
public:
    explicit CloseBridge(BlockingBridge& bridge) noexcept : bridge_(bridge) {}
    CloseBridge(const CloseBridge&) = delete;
    CloseBridge& operator=(const CloseBridge&) = delete;
    ~CloseBridge() { bridge_.close(); }

private:
    BlockingBridge& bridge_;
};

class FinishBridge {
public:
    explicit FinishBridge(std::shared_ptr<BlockingBridge> bridge) noexcept : bridge_(std::move(bridge)) {}
    FinishBridge(FinishBridge&&) noexcept = default;
    FinishBridge& operator=(FinishBridge&&) = delete;
    ~FinishBridge() {
        if (bridge_) bridge_->finish();
    }

private:
    std::shared_ptr<BlockingBridge> bridge_;
};

}  // namespace detail

// A handler's context on its thread. What does not change was copied; the rest waits for the loop, and throws
// Cancelled when the call is over.
class BlockingContext {
public:
    BlockingContext(std::shared_ptr<detail::BlockingBridge> bridge, ServerContext& context);

    [[nodiscard]] const std::string& method() const noexcept { return method_; }
    [[nodiscard]] const Metadata& invocation_metadata() const noexcept { return metadata_; }
    [[nodiscard]] const std::string& peer() const noexcept { return peer_; }
    [[nodiscard]] const std::vector<std::string>& peer_identities() const noexcept { return identities_; }
    [[nodiscard]] std::optional<TimePoint> deadline() const noexcept { return deadline_; }
    // Never negative; nullopt without a deadline.
    [[nodiscard]] std::optional<Duration> time_remaining() const noexcept;
    // The call is over: work for it is in vain.
    [[nodiscard]] bool cancelled() const noexcept { return bridge_->closed(); }

    // As ServerContext's.
    void send_initial_metadata(Metadata metadata = Metadata());
    void set_trailing_metadata(Metadata metadata);
    void set_code(StatusCode code);
    void set_details(std::string details);
    [[noreturn]] void abort(StatusCode code, std::string details, std::string details_bin = {});

    [[nodiscard]] detail::BlockingBridge& bridge() noexcept { return *bridge_; }

private:
    std::shared_ptr<detail::BlockingBridge> bridge_;
    ServerContext* context_;  // on the loop only, while the handler runs
    std::string method_;
    Metadata metadata_;
    std::string peer_;
    std::vector<std::string> identities_;
    std::optional<TimePoint> deadline_;
};

template <class Request>
class BlockingReader {
public:
    BlockingReader(std::shared_ptr<detail::BlockingBridge> bridge, ServerReader<Request>& reader) noexcept
        : read_bridge_(std::move(bridge)), reader_(&reader) {}

    // Waits for the next request; nullopt when the client has finished writing. Throws as
    // ServerReader::read().
    [[nodiscard]] std::optional<Request> read() {
        return read_bridge_->on_loop([reader = reader_] { return read_on_loop(reader); });
    }

private:
    static Task<std::optional<Request>> read_on_loop(ServerReader<Request>* reader) {
        auto message = co_await reader->read();
        co_return message;
    }
    std::shared_ptr<detail::BlockingBridge> read_bridge_;
    ServerReader<Request>* reader_;
};

template <class Response>
class BlockingWriter {
public:
    BlockingWriter(std::shared_ptr<detail::BlockingBridge> bridge, ServerWriter<Response>& writer) noexcept
        : write_bridge_(std::move(bridge)), writer_(&writer) {}

    // Waits while the client takes messages more slowly than we make them. Throws as ServerWriter::write().
    void write(const Response& message) {
        write_bridge_->on_loop([writer = writer_, &message] { return write_on_loop(writer, message); });
    }

private:
    static Task<void> write_on_loop(ServerWriter<Response>* writer, const Response& message) {
        co_await writer->write(message);
    }
    std::shared_ptr<detail::BlockingBridge> write_bridge_;
    ServerWriter<Response>* writer_;
};

template <class Request, class Response>
class BlockingReaderWriter : public BlockingReader<Request>, public BlockingWriter<Response> {
public:
    BlockingReaderWriter(const std::shared_ptr<detail::BlockingBridge>& bridge,
                         ServerReaderWriter<Request, Response>& stream) noexcept
        : BlockingReader<Request>(bridge, stream), BlockingWriter<Response>(bridge, stream) {}
};

namespace detail {

// `f` gets no argument any more.
template <class F>
Task<std::invoke_result_t<F&>> run_bridged(ThreadPool& pool, std::shared_ptr<BlockingBridge> bridge, F f) {
    const CloseBridge close(*bridge);
    auto job = [f = std::move(f), finish = FinishBridge(bridge)]() mutable { return f(); };
    auto thread = spawn(to_thread(pool, std::move(job)), "blocking handler");
    co_await bridge->serve();
    co_return co_await thread;
}

}  // namespace detail

// Runs `f(BlockingContext&)` on a thread of `pool`; its value is the answer, its exceptions are the
// handler's. Throws ClosedError when the pool is destroyed first.
template <class F>
[[nodiscard]] auto run_blocking(ThreadPool& pool, ServerContext& context, F f) {
    auto bridge = std::make_shared<detail::BlockingBridge>(Loop::current());
    auto call = [f = std::move(f), own = BlockingContext(bridge, context)]() mutable { return f(own); };
    return detail::run_bridged(pool, std::move(bridge), std::move(call));
}
// The same with the streams of a handler: `f(BlockingContext&, BlockingReader<…>&)`.
template <class Request, class F>
[[nodiscard]] auto run_blocking(ThreadPool& pool, ServerContext& context, ServerReader<Request>& requests,
                                F f) {
    auto bridge = std::make_shared<detail::BlockingBridge>(Loop::current());
    auto call = [f = std::move(f), own = BlockingContext(bridge, context),
                 stream = BlockingReader<Request>(bridge, requests)]() mutable { return f(own, stream); };
    return detail::run_bridged(pool, std::move(bridge), std::move(call));
}
template <class Response, class F>
[[nodiscard]] auto run_blocking(ThreadPool& pool, ServerContext& context, ServerWriter<Response>& responses,
                                F f) {
    auto bridge = std::make_shared<detail::BlockingBridge>(Loop::current());
    auto call = [f = std::move(f), own = BlockingContext(bridge, context),
                 stream = BlockingWriter<Response>(bridge, responses)]() mutable { return f(own, stream); };
    return detail::run_bridged(pool, std::move(bridge), std::move(call));
}
template <class Request, class Response, class F>
[[nodiscard]] auto run_blocking(ThreadPool& pool, ServerContext& context,
                                ServerReaderWriter<Request, Response>& both, F f) {
    auto bridge = std::make_shared<detail::BlockingBridge>(Loop::current());
    auto call = [f = std::move(f), own = BlockingContext(bridge, context),
                 stream = BlockingReaderWriter<Request, Response>(bridge, both)]() mutable {
        return f(own, stream);
    };
    return detail::run_bridged(pool, std::move(bridge), std::move(call));
}

}  // namespace weft::grpc
