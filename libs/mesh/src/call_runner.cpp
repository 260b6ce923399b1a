#include "call_runner.hpp"

#include <weft/core/timeout.hpp>
#include <weft/mesh/error.hpp>

#include <cstdlib>
#include <typeinfo>

#include <cxxabi.h>

namespace weft::mesh {

namespace {

// Distinct method names that are counted on their own.
constexpr std::size_t max_method_stats = 4096;

// "std::invalid_argument" -> module "std", type "invalid_argument".
void name_exception(const std::exception& error, Failure& out) {
    int status = 0;
    char* demangled = abi::__cxa_demangle(typeid(error).name(), nullptr, nullptr, &status);
    std::string name = status == 0 ? demangled : "Exception";
    std::free(demangled);
    const std::size_t split = name.rfind("::");
    out.type = split == std::string::npos ? name : name.substr(split + 2);
    out.module = split == std::string::npos ? "cpp" : name.substr(0, split);
}

}  // namespace

Failure make_failure(std::string type, std::string module, std::string text) {
    Failure out;
    out.type = std::move(type);
    out.module = std::move(module);
    out.text = std::move(text);
    return out;
}

Failure describe_failure(const std::exception_ptr& error) {
    Failure out;
    try {
        std::rethrow_exception(error);
    } catch (const RemoteError& e) {
        out = make_failure(e.type(), e.module(), e.text());
    } catch (const ConversionError& e) {
        out = make_failure("TypeError", "builtins", e.what());
    } catch (const DecodeError& e) {
        out = make_failure("DecodeError", "weft.mesh", e.what());
    } catch (const EncodeError& e) {
        out = make_failure("TypeError", "builtins", e.what());
    } catch (const TimeoutError& e) {
        out = make_failure("TimeoutError", "builtins", e.what());
    } catch (const Cancelled&) {
        out = make_failure("CancelledError", "asyncio.exceptions", "the callback was cancelled");
    } catch (const std::exception& e) {
        name_exception(e, out);
        out.text = e.what();
    } catch (...) {
        out = make_failure("Exception", "builtins", "a C++ exception of unknown type");
    }
    return out;
}

void send_failure(Link& link, std::string_view transmitter, const FrameHeader& request,
                  std::string_view receiver, std::string_view function, Serde serde, const Failure& failure) {
    Buffer& out = link.out();
    FrameWriter writer(out, transmitter, receiver, function);
    if (!writer.ok()) return;
    FrameHeader header;
    header.id = request.id;
    header.flag = Flag::error;
    header.serde = serde;
    header.is_bytes = encode_failure(header.serde, failure, out);
    if (writer.finish(header)) link.sent();
}

CallRunner::CallRunner(const OptionsAccess& options, std::shared_ptr<detail::Registry> registry)
    : node_(options.name),
      workers_max_(options.workers),
      queue_bytes_max_(options.queue_bytes),
      registry_(std::move(registry)),
      queue_(options.queue_calls) {}

void CallRunner::refuse(const std::shared_ptr<Link>& link, const Frame& request, const Failure& failure) {
    if (!request.header.wants_reply) return;
    send_failure(*link, node_, request.header, request.transmitter, request.function, request.header.serde,
                 failure);
}

void CallRunner::accept(const std::shared_ptr<Link>& link, const Frame& request) {
    const auto* callback = registry_->find(request.function);
    if (!callback) {
        refuse(link, request,
               make_failure("ReceiverNotFound", "daffi.exceptions",
                            node_ + " has no callback '" + std::string(request.function) + "'"));
        return;
    }
    auto stats = stats_.find(request.function);
    if (stats == stats_.end()) stats = stats_.emplace(std::string(request.function), MethodStats()).first;

    Call call;
    call.callback = *callback;
    call.link = link;
    call.info.caller = request.transmitter;
    call.info.function = request.function;
    call.info.serde = request.header.serde;
    call.header = request.header;
    call.size = request.raw.size();
    call.stats = &stats->second;
    if (const std::uint64_t ms = decode_deadline(request.header.tail); ms != 0)
        call.deadline = Loop::current().now() + std::chrono::milliseconds(ms);
    try {
        call.args = decode_arguments(request.header.serde, request.header.is_bytes, request.data);
    } catch (const Error&) {
        fail(call, std::current_exception());
        return;
    }
    if (!call.callback->is_coroutine() && running_ < workers_max_ && queue_.empty()) {
        run_now(std::move(call));
        return;
    }
    if (queued_bytes_ + call.size > queue_bytes_max_ && !queue_.empty()) {
        ++call.stats->busy;
        refuse(link, request,
               make_failure("Busy", "weft.mesh", node_ + " has no room for the call: its queue is full"));
        return;
    }
    const std::size_t size = call.size;
    if (!queue_.try_put(std::move(call))) {
        ++stats->second.busy;
        refuse(link, request,
               make_failure(
                   "Busy", "weft.mesh",
                   node_ + (stopped_ ? " is stopping" : " has no room for the call: its queue is full")));
        return;
    }
    queued_bytes_ += size;
    if (idle_ == 0 && workers_.size() < workers_max_)
        workers_.push_back(
            spawn(work(shared_from_this()), node_ + " worker " + std::to_string(workers_.size())));
}

void CallRunner::run_now(Call call) {
    const TimePoint begin = Clock::now();
    try {
        const Value result = call.callback->call(std::move(call.args), call.info);
        ++call.stats->calls;
        reply(call, result);
    } catch (...) {
        fail(call, std::current_exception());
    }
    call.stats->time += Clock::now() - begin;
}

Task<Value> CallRunner::run(Call& call) {
    if (call.deadline == TimePoint{}) return call.callback->start(std::move(call.args), call.info);
    return timeout(call.deadline - Loop::current().now(),
                   call.callback->start(std::move(call.args), call.info));
}

Task<void> CallRunner::work(std::shared_ptr<CallRunner> self) {
    for (;;) {
        ++self->idle_;
        std::optional<Call> call;
        try {
            call = co_await self->queue_.next();
        } catch (...) {
            --self->idle_;
            throw;
        }
        --self->idle_;
        if (!call) co_return;
        self->queued_bytes_ -= call->size;
        // Nobody waits for the answer any more.
        if (call->link->closed()) continue;
        if (call->deadline != TimePoint{} && call->deadline <= Loop::current().now()) continue;
        ++self->running_;
        const TimePoint begin = Clock::now();
        std::exception_ptr error;
        try {
            const Value result = co_await run(*call);
            ++call->stats->calls;
            self->reply(*call, result);
        } catch (...) {
            error = std::current_exception();
        }
        --self->running_;
        call->stats->time += Clock::now() - begin;
        if (error) self->fail(*call, error);
        if (self->running_ == 0 && self->queue_.empty()) {
            self->quiet_.set();
            self->quiet_.clear();
        }
        // A callback may end with somebody else's cancellation; one of this task ends the worker.
        if (self->stopped_ || weft::detail::current_task().cancel_requests() != 0) co_return;
    }
}

void CallRunner::reply(const Call& call, const Value& result) {
    if (!call.header.wants_reply || call.link->closed()) return;
    Buffer& out = call.link->out();
    FrameWriter writer(out, node_, call.info.caller, call.info.function);
    FrameHeader header;
    header.id = call.header.id;
    header.flag = Flag::response;
    header.serde = call.header.serde;
    try {
        header.is_bytes = encode_result(header.serde, result, out);
    } catch (...) {
        writer.abandon();
        throw;
    }
    if (!writer.finish(header)) throw EncodeError("the result is larger than a message may be (32 MiB)");
    call.link->sent();
}

void CallRunner::fail(const Call& call, std::exception_ptr error) {
    ++call.stats->calls;
    ++call.stats->errors;
    if (!call.header.wants_reply || call.link->closed()) return;
    send_failure(*call.link, node_, call.header, call.info.caller, call.info.function, call.header.serde,
                 describe_failure(error));
}

void CallRunner::stop() noexcept {
    stopped_ = true;
    queue_.close();
    while (queue_.try_get()) {
    }
    queued_bytes_ = 0;
    for (auto& worker : workers_) worker.cancel();
    quiet_.set();
}

Task<void> CallRunner::drained(std::shared_ptr<CallRunner> self) {
    while (!self->stopped_ && (self->running_ != 0 || !self->queue_.empty())) co_await self->quiet_.wait();
}

void CallRunner::add_stats(NodeStats& stats) const {
    for (const auto& [name, method] : stats_) {
        if (stats.methods.size() >= max_method_stats) break;
        stats.methods.emplace(name, method);
    }
}

}  // namespace weft::mesh
